//! `discovery.relabel`: rewrites and drops targets.

use std::sync::{Arc, Mutex, PoisonError};

use model::relabel::{Rules, Scratch};
use model::{Labels, LabelsRef};
use syntax::{Arguments, Exports};

use super::rule::{self, ExportedRules, Rule};
use super::targets::{Memo, Targets};
use super::{Context, Exporter, Kind, Refusal, Started, Updated};

/// A running `discovery.relabel`: everything happens when it is given new targets or rules.
pub(super) struct DiscoveryRelabel {
    state: Mutex<State>,
    exports: Exporter<Output>,
}

struct State {
    rules: Rules,
    memo: Memo<Option<Labels>>,
}

/// What `discovery.relabel` takes.
#[derive(Debug, Arguments)]
pub(super) struct Input {
    /// The targets to rewrite.
    targets: Targets,
    /// The rules, which are applied in their order.
    #[arg(rename = "rule", block)]
    rules: Vec<Rule>,
}

/// What `discovery.relabel` gives.
#[derive(Debug, Exports)]
pub(super) struct Output {
    /// The targets that are left, rewritten.
    output: Targets,
    /// The rules, for other components.
    rules: Arc<ExportedRules>,
}

impl Kind for DiscoveryRelabel {
    const NAME: &'static str = "discovery.relabel";
    const SUMMARY: &'static str = "Rewrites and drops targets by relabelling rules.";
    type Arguments = Input;
    type Exports = Output;

    async fn start(context: Context<Output>, arguments: Input) -> Result<Started<Self>, Refusal> {
        let state = Mutex::new(State { rules: Rules::default(), memo: Memo::default() });
        let component = Self { state, exports: context.exports };
        component.relabel(&arguments)?;
        Ok(Started::new(component, async move {
            context.cancel.cancelled().await;
            Ok(())
        }))
    }

    async fn update(&self, arguments: Input) -> Result<Updated, Refusal> {
        self.relabel(&arguments)?;
        Ok(Updated::InPlace)
    }
}

impl DiscoveryRelabel {
    fn relabel(&self, arguments: &Input) -> Result<(), Refusal> {
        let rules = rule::compile(&arguments.rules)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.rules != rules {
            state.rules = rules;
            state.memo.clear();
        }
        let State { rules, memo } = &mut *state;
        let mut scratch = Scratch::default();
        let relabelled = memo.map(&arguments.targets.0, |target| {
            match rules.apply(target.borrowed(), &mut scratch) {
                model::relabel::Outcome::Unchanged => Some(target.clone()),
                outcome => outcome.or_unchanged(target.borrowed()).map(LabelsRef::to_labels),
            }
        });
        let output = Targets(relabelled.iter().flatten().cloned().collect());
        let rules = Arc::new(ExportedRules(rules.clone()));
        self.exports.set(&Output { output, rules });
        Ok(())
    }
}
