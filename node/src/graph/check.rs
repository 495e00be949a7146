//! What can be said of a plan without running it.

use syntax::{Diagnostic, Diagnostics, Evaluated, Scope, Span, Type, Value};

use super::evaluate;
use super::plan::{Node, Plan, Role};
use crate::config;

/// Everything that is wrong with the arguments of the nodes. What components will export is known
/// by its type only.
pub(super) fn check(plan: &Plan, library: &Scope) -> Diagnostics {
    let mut check =
        Check { library, values: vec![None; plan.nodes.len()], problems: Diagnostics::default() };
    let mut all = Diagnostics::default();
    for &index in &plan.order {
        let node = &plan.nodes[index];
        check.values[index] = check.node(node);
        let found = std::mem::take(&mut check.problems).into_iter();
        all.extend(match giver(plan, node) {
            Some(giver) => found.map(|one| one.note("with what is given here", &giver)).collect(),
            None => found.collect::<Vec<_>>(),
        });
    }
    all
}

/// Where a node inside of a custom component that reads an argument of it is given that.
fn giver(plan: &Plan, node: &Node) -> Option<Span> {
    let instance =
        node.bindings.iter().find_map(|binding| match plan.nodes[binding.node].role {
            Role::Argument { instance, .. } => Some(&plan.nodes[instance]),
            _ => None,
        })?;
    // A declaration that nobody uses is given nothing.
    (&*instance.block.name.text != "declare").then(|| instance.block.header())
}

struct Check<'a> {
    library: &'a Scope,
    values: Vec<Option<Value>>,
    problems: Diagnostics,
}

impl Check<'_> {
    /// Checks a node, and says what it gives to those who read it.
    fn node(&mut self, node: &Node) -> Option<Value> {
        let values = &self.values;
        let known = |index: usize| Some(values[index].clone().unwrap_or(Value::Unknown(Type::Any)));
        let scope = evaluate::scope(self.library, node, known).ok()?;
        match &node.role {
            Role::Component(kind) => {
                let stability = kind.stability();
                if !stability.allowed_at(scope.stability()) {
                    self.problems.push(
                        Diagnostic::error(
                            format!("{} is {stability}", kind.name()),
                            &node.block.name.span(),
                        )
                        .hint(format!("start with --stability.level={stability}")),
                    );
                }
                let evaluated = self.evaluate(node, &scope);
                self.problems.extend(kind.check(&evaluated));
                Some(kind.unknown_exports())
            }
            Role::Instance { .. } => Some(evaluate::given(&self.evaluate(node, &scope))),
            Role::Argument { instance, name, default } => {
                let given = self.values[*instance].clone().unwrap_or(Value::Null);
                let is_given = matches!(&given, Value::Object(given) if given.get(name).is_some());
                if !is_given && default.is_none() {
                    // Missing, which has been said, or optional.
                    return Some(Value::object([("value", Value::Unknown(Type::Any))]));
                }
                self.keep(evaluate::argument(&given, name, default.as_deref(), &scope))
            }
            Role::Outputs { known: false, .. } => Some(Value::Unknown(Type::Any)),
            Role::Outputs { exports, known: true } => {
                let (value, problems) = evaluate::outputs(exports, &scope);
                self.problems.extend(problems);
                Some(value)
            }
            Role::Import(import) => {
                let evaluated = self.evaluate(node, &scope);
                self.problems.extend(super::imports::check(*import, &evaluated));
                None
            }
            Role::Config(block) => {
                let evaluated = self.evaluate(node, &scope);
                self.problems.extend(config::check(*block, &evaluated));
                None
            }
        }
    }

    fn evaluate(&mut self, node: &Node, scope: &Scope) -> Evaluated {
        let (evaluated, problems) = Evaluated::new(&node.block, scope);
        self.problems.extend(problems);
        evaluated
    }

    fn keep(&mut self, value: Result<Value, Diagnostics>) -> Option<Value> {
        value.map_err(|problems| self.problems.extend(problems)).ok()
    }
}
