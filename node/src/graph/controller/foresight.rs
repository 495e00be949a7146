//! What imports that depend on components will read once a plan runs that does not run yet.
//!
//! A configuration that changes along with such a text fits the new text only, and the text that is
//! known is the old one. Nothing is changed to find out: to run a plan without the texts would end
//! whatever comes of them, to no avail if the new ones do not fit either. So the few nodes that an
//! import depends on are evaluated beside the graph that runs, and the plan is adopted when it fits
//! what comes of them; otherwise it is refused, and what ran runs on untouched.

use std::sync::Arc;

use syntax::{Diagnostic, Evaluated, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Controller, prepare};
use crate::components::{Context, Descriptor, Exporter, HealthReport, Services};
use crate::graph::handle::LoadError;
use crate::graph::id::ComponentId;
use crate::graph::plan::{Contents, Plan, Role};
use crate::graph::prepare::{Prepared, constant};
use crate::graph::sources::Texts;
use crate::graph::{evaluate, imports};
use crate::telemetry::Registry as Telemetry;

/// How often texts are found and planned with: each round goes one import deeper, and a plan is
/// bounded well below this.
const MAX_ROUNDS: usize = 32;

impl Controller {
    /// Reads and plans; what is in `texts` is not read again. `news` is what imports have read that
    /// is not part of the plan that runs. Imports that depend on components have the texts they had;
    /// if the plan does not fit those, the ones that they will have.
    pub(super) async fn prepare(
        &mut self,
        texts: Option<Texts>,
        news: &Contents,
    ) -> Result<Prepared, LoadError> {
        let mut contents = self.contents.clone();
        contents.extend(news.iter().map(|(id, content)| (id.clone(), Arc::clone(content))));
        let (settings, library) = (self.settings.clone(), self.library.clone());
        let (settings, library) = (&settings, &library);
        let refusal = match prepare(settings, library, texts.clone(), contents).await {
            Ok(prepared) => return Ok(prepared),
            Err(refusal) => refusal,
        };
        let Ok(mut prepared) = prepare(settings, library, texts, news.clone()).await else {
            // Something is wrong whatever the texts hold. The first refusal names that, and whatever
            // else there is as far as it can be known.
            return Err(refusal);
        };
        let mut foresight = Foresight { running: self, found: news.clone(), failures: Vec::new() };
        for _ in 0..MAX_ROUNDS {
            if !foresight.look(&prepared).await {
                return Ok(prepared);
            }
            let (texts, found) = (Some(prepared.texts), foresight.found.clone());
            prepared = match prepare(settings, library, texts, found).await {
                Ok(prepared) => prepared,
                Err(error) => return Err(foresight.because(error)),
            };
        }
        Err(refusal)
    }
}

/// The search for the texts.
struct Foresight<'a> {
    running: &'a mut Controller,
    /// Every text that was found.
    found: Contents,
    /// Why others were not.
    failures: Vec<String>,
}

impl Foresight<'_> {
    /// Looks for the texts that the plan lacks; says whether there is another than before.
    async fn look(&mut self, prepared: &Prepared) -> bool {
        let Prepared { plan, contents, .. } = prepared;
        let lacking: Vec<usize> = (0..plan.nodes.len())
            .filter(|&index| matches!(plan.nodes[index].role, Role::Import(_)))
            .filter(|&index| !contents.contains_key(&plan.nodes[index].id))
            .collect();
        let before = self.found.len();
        self.read(plan, &lacking).await;
        if self.found.len() == before {
            // A text that cannot be known keeps what it had. An import that had none waits, as it
            // does at a start.
            for id in lacking.iter().map(|&index| &plan.nodes[index].id) {
                if let Some(content) = self.running.contents.get(id) {
                    self.found.insert(id.clone(), Arc::clone(content));
                }
            }
        }
        self.found.len() > before
    }

    /// Evaluates what these imports depend on, and reads those that can be.
    async fn read(&mut self, plan: &Plan, lacking: &[usize]) {
        let wanted = closure(plan, lacking);
        let library = &self.running.library.clone();
        let mut values: Vec<Option<Value>> = vec![None; plan.nodes.len()];
        self.failures.clear();
        for &index in plan.order.iter().filter(|&&index| wanted[index]) {
            let node = &plan.nodes[index];
            values[index] = match &node.role {
                Role::Component(kind) => {
                    let scope = evaluate::scope(library, node, |read| values[read].clone());
                    let Ok(scope) = scope else { continue };
                    let (evaluated, problems) = Evaluated::new(&node.block, &scope);
                    let value = match problems.has_errors() {
                        true => Err(problems.to_string()),
                        false => self.exports(&node.id, &**kind, &evaluated).await,
                    };
                    value.unwrap_or_else(|why| {
                        let text = format!("{}: {why}", node.id);
                        let failure = Diagnostic::error(text, &node.block.header());
                        self.failures.push(failure.to_string());
                        None
                    })
                }
                Role::Outputs { exports, known: true } => {
                    let scope = evaluate::scope(library, node, |read| values[read].clone());
                    let outputs = scope.ok().map(|scope| evaluate::outputs(exports, &scope));
                    // What is wrong with an export is said when it is evaluated in earnest.
                    outputs.filter(|(_, problems)| !problems.has_errors()).map(|(value, _)| value)
                }
                Role::Import(kind) => {
                    let Some((value, evaluated)) = constant(node, &values, library) else {
                        continue;
                    };
                    if lacking.contains(&index) {
                        let (kind, name) = (*kind, node.id.to_string());
                        let read = move || imports::read(kind, &name, &evaluated);
                        match tokio::task::spawn_blocking(read).await {
                            Ok(Ok((content, _))) => {
                                self.found.insert(node.id.clone(), content.into());
                            }
                            Ok(Err(problems)) => self.failures.push(problems.to_string()),
                            Err(error) => self.failures.push(error.to_string()),
                        }
                    }
                    Some(value)
                }
                _ => constant(node, &values, library).map(|(value, _)| value),
            };
        }
    }

    /// What a component exports with these arguments: the running one, if it has them, or one that is
    /// made for this alone. None if its kind does more than to read: that it then keeps the text it
    /// had is a limit, and concerns none of the kinds that export texts.
    async fn exports(
        &mut self,
        id: &ComponentId,
        kind: &dyn Descriptor,
        evaluated: &Evaluated,
    ) -> Result<Option<Value>, String> {
        let nodes = self.running.plan.nodes.iter();
        let running = nodes.zip(&self.running.live).find(|(node, _)| node.id == *id);
        if let Some((_, live)) = running
            && let Some(component) = &live.component
            && live.evaluated.as_deref() == Some(evaluated)
        {
            return Ok(Some(component.exported.borrow().clone()));
        }
        if !kind.only_reads() {
            return Ok(None);
        }
        // Nobody is told of it.
        let changed = Arc::new(Notify::new());
        let (exports, exported) = Exporter::new(Arc::clone(&changed));
        let services =
            Services { telemetry: Telemetry::default(), ..self.running.settings.services.clone() };
        let context = Context {
            id: id.clone(),
            directory: services.storage_path.join(id.to_string()),
            cancel: CancellationToken::new(),
            removed: CancellationToken::new(),
            exports,
            health: HealthReport::new(changed).0,
            services,
        };
        tokio::select! {
            biased;
            made = kind.start(context, evaluated) => match made {
                Ok(_) => Ok(Some(exported.borrow().clone())),
                Err(failure) => Err(failure.to_string()),
            },
            () = self.running.stopping.cancelled() => Err("the process stops".to_owned()),
        }
    }

    /// A refusal, and what it may be due to: texts that could not be had.
    fn because(self, refusal: LoadError) -> LoadError {
        let mut texts = self.failures;
        texts.push(refusal.to_string());
        LoadError::Rejected(texts.join("\n\n"))
    }
}

/// Which nodes these depend on, themselves included.
fn closure(plan: &Plan, of: &[usize]) -> Vec<bool> {
    let mut wanted = vec![false; plan.nodes.len()];
    let mut left = of.to_vec();
    while let Some(index) = left.pop() {
        if !std::mem::replace(&mut wanted[index], true) {
            left.extend(&plan.nodes[index].dependencies);
        }
    }
    wanted
}
