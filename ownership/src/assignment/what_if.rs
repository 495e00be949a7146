//! What would move if the participants were others.

use membership::Name;

use super::{Assignment, Move, NOBODY, Row};
use crate::{NodeHash, rank};

/// A change of the participants to think through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatIf {
    /// This participant leaves.
    Leave(Name),
    /// A node of this name joins.
    Join(Name),
}

/// Why nothing can be said about a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// Only who takes part can leave.
    #[error("{0} does not take part, so nothing would move")]
    Absent(Name),
    /// Only who takes no part can join.
    #[error("{0} takes part already, so nothing would move")]
    Present(Name),
}

impl Assignment {
    /// Calls `moved` for each key whose owner would be another one after a change, in the order of
    /// components and keys. Nothing changes.
    ///
    /// # Errors
    /// When the change is none.
    pub fn what_if(
        &self,
        change: &WhatIf,
        mut moved: impl FnMut(Move<'_>),
    ) -> Result<(), WhatIfError> {
        let (place, joins) = match change {
            WhatIf::Leave(name) => match self.nodes.place(name) {
                Some(place) => (place, None),
                None => return Err(WhatIfError::Absent(name.clone())),
            },
            WhatIf::Join(name) if self.contains(name) => {
                return Err(WhatIfError::Present(name.clone()));
            }
            WhatIf::Join(name) => (NOBODY, Some((name, NodeHash::new(name).hash()))),
        };
        for (component, rows) in &self.components {
            for row in rows {
                let to = match joins {
                    Some((name, hash)) => self.would_win(row, name, hash).then_some(name),
                    None if row.owner == place => self.nodes.name(row.deputy),
                    None => continue,
                };
                if joins.is_none() || to.is_some() {
                    let from = self.nodes.name(row.owner);
                    moved(Move { component, key: row.key, from, to });
                }
            }
        }
        Ok(())
    }

    /// Whether a newcomer would own the key of `row`.
    fn would_win(&self, row: &Row, name: &Name, hash: u64) -> bool {
        let score = rank::score(row.key, hash);
        match self.nodes.name(row.owner) {
            None => true,
            Some(owner) => (score, name) > (row.owner_score, owner),
        }
    }
}
