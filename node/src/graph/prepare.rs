//! From files to a plan that is known to be right, imports included.

use std::path::Path;

use syntax::{Diagnostic, Diagnostics, Evaluated, Scope, Source, Value};

use super::plan::{Contents, Ingredients, Node, Plan, Role, plan, rehearse};
use super::sources::{self, Texts};
use super::{check, evaluate, imports};
use crate::components::Registry;

/// How often imports are read and planned again: each round goes one import deeper.
const MAX_ROUNDS: usize = 32;

/// A plan and what it was made of.
#[derive(Debug)]
pub(super) struct Prepared {
    pub plan: Plan,
    pub texts: Texts,
    pub contents: Contents,
}

/// Reads a configuration and everything it imports, plans and checks it. Blocks on the file
/// system. `previous` is what the imports that depend on running components have read so far.
///
/// # Errors
///
/// All that is wrong.
pub(super) fn prepare(
    path: &Path,
    previous: &Contents,
    registry: &Registry,
    library: &Scope,
) -> Result<Prepared, Diagnostics> {
    let texts = sources::read(path)?;
    prepare_texts(texts, previous, registry, library)
}

/// The same with files that have been read already.
pub(super) fn prepare_texts(
    texts: Texts,
    previous: &Contents,
    registry: &Registry,
    library: &Scope,
) -> Result<Prepared, Diagnostics> {
    let sources: Vec<Source> = texts.sources();
    let mut contents = Contents::new();
    for _ in 0..MAX_ROUNDS {
        let ingredients = Ingredients {
            sources: &sources,
            module_path: &texts.directory,
            contents: &contents,
            registry,
            library,
        };
        let mut plan = plan(ingredients);
        let mut problems = std::mem::take(&mut plan.problems);
        let rehearsed = plan.unused.then(|| rehearse(ingredients));
        let (unread, found) = read_imports(&plan, library, previous, &mut contents);
        if plan.limited || !found {
            // Read or not: what else is wrong is said too.
            problems.extend(unread);
            problems.extend(check::check(&plan, library));
            if let Some(mut rehearsed) = rehearsed {
                problems.extend(std::mem::take(&mut rehearsed.problems));
                problems.extend(check::check(&rehearsed, library));
            }
            contents.retain(|id, _| plan.nodes.iter().any(|node| node.id == *id));
            if problems.has_errors() {
                return Err(problems);
            }
            plan.problems = problems;
            return Ok(Prepared { plan, texts, contents });
        }
    }
    let text = format!("imports import each other more than {MAX_ROUNDS} times");
    Err(Diagnostic::unplaced(text).into())
}

/// Reads the imports that were not read yet and can be. Gives what is wrong with those that cannot,
/// and says whether any was read.
fn read_imports(
    plan: &Plan,
    library: &Scope,
    previous: &Contents,
    contents: &mut Contents,
) -> (Diagnostics, bool) {
    let mut values: Vec<Option<Value>> = vec![None; plan.nodes.len()];
    let mut problems = Diagnostics::default();
    let mut found = false;
    for &index in &plan.order {
        let node = &plan.nodes[index];
        let value = constant(node, &values, library);
        if let (Role::Import(kind), false) = (&node.role, contents.contains_key(&node.id)) {
            let read = match value.as_ref().map(|(_, evaluated)| evaluated) {
                Some(evaluated) => match imports::read(*kind, &node.id.to_string(), evaluated) {
                    Ok((content, _)) => Some(content.into()),
                    Err(mistakes) => {
                        problems.extend(mistakes);
                        None
                    }
                },
                None => previous.get(&node.id).cloned(),
            };
            if let Some(content) = read {
                contents.insert(node.id.clone(), content);
                found = true;
            }
        }
        values[index] = value.map(|(value, _)| value);
    }
    (problems, found)
}

/// What a node gives, if that is known without running any component: arguments that are passed
/// down as constants, and imports of them.
pub(super) fn constant(
    node: &Node,
    values: &[Option<Value>],
    library: &Scope,
) -> Option<(Value, Evaluated)> {
    if !node.missing.is_empty() || node.dependencies.iter().any(|&read| values[read].is_none()) {
        return None;
    }
    let scope = evaluate::scope(library, node, |index| values[index].clone()).ok()?;
    // Mistakes are reported by the check that follows.
    let (evaluated, problems) = Evaluated::new(&node.block, &scope);
    if problems.has_errors() {
        return None;
    }
    let value = match &node.role {
        Role::Instance { .. } | Role::Import(_) => evaluate::given(&evaluated),
        Role::Argument { instance, name, default } => {
            let given = values[*instance].as_ref()?;
            evaluate::argument(given, name, default.as_deref(), &scope).ok()?
        }
        Role::Component(_) | Role::Outputs { .. } | Role::Config(_) => return None,
    };
    Some((value, evaluated))
}
