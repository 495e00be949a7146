//! Evaluating one node.

use std::sync::Arc;

use syntax::{Evaluated, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Controller;
use crate::components::{Context, Descriptor, Exporter, HealthReport, Refusal, Updated};
use crate::config::Config;
use crate::graph::health::Health;
use crate::graph::live::{self, Component, Live};
use crate::graph::plan::{ConfigBlock, ImportKind, Role};
use crate::graph::{evaluate, imports};

impl Controller {
    /// Evaluates a node; says whether what it gives to its readers changed.
    pub(super) async fn evaluate_node(&mut self, index: usize) -> bool {
        let scope = match self.scope_of(index) {
            Ok(scope) => scope,
            Err(missing) => {
                self.live[index].waits(&self.plan.nodes[missing].id);
                return false;
            }
        };
        match self.plan.nodes[index].role.clone() {
            Role::Component(kind) => {
                if let Some(evaluated) = self.evaluate_block(index, &scope) {
                    self.evaluate_component(index, &*kind, evaluated).await;
                }
                self.pick_up(index)
            }
            Role::Instance { .. } => {
                let Some(evaluated) = self.evaluate_block(index, &scope) else { return false };
                let given = evaluate::given(&evaluated);
                self.live[index].evaluated = Some(Arc::new(evaluated));
                self.give(index, Ok(given))
            }
            Role::Argument { instance, name, default } => {
                let given = self.live[instance].exports.clone().unwrap_or(Value::Null);
                let value = evaluate::argument(&given, &name, default.as_deref(), &scope);
                self.give(index, value.map_err(|problem| problem.to_string()))
            }
            Role::Outputs { known: false, .. } => false,
            Role::Outputs { exports, known: true } => {
                let (value, problems) = evaluate::outputs(&exports, &scope);
                let value = problems.into_result(Some(value));
                self.give(index, value.map_err(|problems| problems.to_string()))
            }
            Role::Import(kind) => {
                if let Some(evaluated) = self.evaluate_block(index, &scope) {
                    self.evaluate_import(index, kind, evaluated).await;
                }
                false
            }
            Role::Config(config) => {
                if let Some(evaluated) = self.evaluate_block(index, &scope) {
                    self.evaluate_config(index, config, evaluated).await;
                }
                false
            }
        }
    }

    fn evaluate_block(&mut self, index: usize, scope: &syntax::Scope) -> Option<Evaluated> {
        let (evaluated, problems) = Evaluated::new(&self.plan.nodes[index].block, scope);
        if problems.has_errors() {
            self.live[index].failed(problems.to_string());
            return None;
        }
        Some(evaluated)
    }

    /// Sets what a node gives; says whether that changed. On a failure it goes on giving what it
    /// gave.
    fn give(&mut self, index: usize, value: Result<Value, String>) -> bool {
        let live = &mut self.live[index];
        match value {
            Ok(value) => {
                live.succeeded();
                let differs = live.exports.as_ref() != Some(&value);
                live.exports = Some(value);
                differs
            }
            Err(problem) => {
                live.failed(problem);
                false
            }
        }
    }

    async fn evaluate_component(
        &mut self,
        index: usize,
        kind: &dyn Descriptor,
        evaluated: Evaluated,
    ) {
        let live = &mut self.live[index];
        let Some(component) = &live.component else {
            return self.start(index, kind, evaluated).await;
        };
        let exited = component.exited.borrow().is_some();
        let unchanged = live.evaluated.as_deref() == Some(&evaluated);
        if !exited && unchanged {
            return live.succeeded();
        }
        let (handle, stopping) = (Arc::clone(&component.handle), component.stopping());
        let updated = match exited {
            true => Ok(Updated::Restart),
            false => tokio::select! {
                biased;
                updated = handle.update(&evaluated) => updated,
                () = self.stopping.cancelled() => Err(Refusal::new("the process stops").into()),
            },
        };
        match updated {
            Ok(Updated::InPlace) => {
                let live = &mut self.live[index];
                live.evaluated = Some(Arc::new(evaluated));
                live.succeeded();
            }
            Ok(Updated::Restart) => {
                self.live[index].component = None;
                live::stop(vec![vec![stopping]], self.settings.services.shutdown_deadline).await;
                self.start(index, kind, evaluated).await;
            }
            Err(failure) => self.live[index].failed_for_now(failure.to_string()),
        }
    }

    async fn start(&mut self, index: usize, kind: &dyn Descriptor, evaluated: Evaluated) {
        let id = self.plan.nodes[index].id.clone();
        if let Some(done) = self.leaving.remove(&id) {
            // Its predecessor may still hold its files.
            self.stop_removed();
            done.cancelled().await;
        }
        let services = self.settings.services.clone();
        let (cancel, removed) = (CancellationToken::new(), CancellationToken::new());
        let (exports, exported) = Exporter::new(Arc::clone(&self.changed));
        let (health, reported) = HealthReport::new(Arc::clone(&self.changed));
        let directory = services.storage_path.join(id.to_string());
        let context = Context {
            id,
            directory,
            cancel: cancel.clone(),
            removed: removed.clone(),
            exports,
            health,
            services,
        };
        match kind.start(context, &evaluated).await {
            Ok((handle, work)) => {
                let (exit, exited) = watch::channel(None);
                let live = &mut self.live[index];
                live.evaluated = Some(Arc::new(evaluated));
                live.component = Some(Component {
                    handle,
                    cancel,
                    removed,
                    done: CancellationToken::new(),
                    work: Some(work),
                    abort: None,
                    exported,
                    reported,
                    exited,
                    exit,
                });
                live.succeeded();
                // A kind without exports never sets any; its readers see an empty object.
                live.exports.get_or_insert_with(|| Value::object::<Arc<str>>([]));
                if self.running {
                    self.run_work(index);
                }
            }
            Err(failure) => self.live[index].failed_for_now(failure.to_string()),
        }
    }

    /// Runs the work of a component that was made and not run yet.
    pub(super) fn run_work(&mut self, index: usize) {
        let id = self.plan.nodes[index].id.clone();
        let Live { component: Some(component), .. } = &mut self.live[index] else { return };
        let Some(work) = component.work.take() else { return };
        let (done, cancel) = (component.done.clone(), component.cancel.clone());
        let (exit, changed) = (component.exit.clone(), Arc::clone(&self.changed));
        component.abort = Some(self.tasks.spawn(async move {
            // Also when the work panics or is ended by force.
            let _done = done.drop_guard();
            let ended = Exited { exit, cancel, changed };
            let message = match work.await {
                Ok(()) => "component shut down cleanly".to_owned(),
                Err(refusal) => {
                    tracing::error!(component = %id, error = %refusal, "component failed");
                    format!("component shut down with an error: {refusal}")
                }
            };
            ended.say(message);
        }));
    }

    async fn evaluate_import(&mut self, index: usize, kind: ImportKind, evaluated: Evaluated) {
        let id = self.plan.nodes[index].id.clone();
        let (name, arguments) = (id.to_string(), evaluated.clone());
        let read =
            tokio::task::spawn_blocking(move || imports::read(kind, &name, &arguments)).await;
        let live = &mut self.live[index];
        match read {
            Ok(Ok((content, watched))) => {
                live.evaluated = Some(Arc::new(evaluated));
                match self.refused.get(&id).filter(|refused| *refused.content == content) {
                    Some(refused) => live.failed(refused.why.as_str()),
                    None => {
                        live.succeeded();
                        if self.contents.get(&id).is_none_or(|known| **known != content) {
                            self.news.insert(id, content.into());
                        }
                    }
                }
                self.watch_file(index, watched);
            }
            Ok(Err(problems)) => live.failed_for_now(problems.to_string()),
            Err(error) => live.failed_for_now(error.to_string()),
        }
    }

    async fn evaluate_config(&mut self, index: usize, block: ConfigBlock, evaluated: Evaluated) {
        let live = &mut self.live[index];
        if live.evaluated.as_deref() == Some(&evaluated) {
            // In force: the server itself follows the files that it names.
            return live.succeeded();
        }
        let mut config = Config::default();
        if let Err(problems) = config.apply(block, &evaluated) {
            return live.failed(problems.to_string());
        }
        if let Some(tls) = config.http.tls.clone() {
            let tried = tokio::task::spawn_blocking(move || tls.problem()).await;
            if let Some(problem) = tried.unwrap_or_else(|error| Some(error.to_string())) {
                return live.failed_for_now(problem);
            }
        }
        live.evaluated = Some(Arc::new(evaluated));
        live.succeeded();
        if block == ConfigBlock::Http && !self.running {
            self.publisher.tell_http(config.http);
        }
    }
}

/// Says that a component's work has ended, also when it panicked.
struct Exited {
    exit: watch::Sender<Option<Health>>,
    cancel: CancellationToken,
    changed: Arc<tokio::sync::Notify>,
}

impl Exited {
    fn say(self, message: String) {
        self.exit.send_replace(Some(Health::now(crate::graph::HealthState::Exited, message)));
    }
}

impl Drop for Exited {
    fn drop(&mut self) {
        if !self.cancel.is_cancelled() {
            self.exit.send_if_modified(|exit| {
                let unsaid = exit.is_none();
                if unsaid {
                    let message = "component ended unexpectedly";
                    *exit = Some(Health::now(crate::graph::HealthState::Exited, message));
                }
                unsaid
            });
        }
        self.changed.notify_one();
    }
}
