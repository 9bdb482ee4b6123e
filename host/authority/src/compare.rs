//! Comparing authorities: is one within another, and what changed.

use std::fmt;

use crate::Authority;
use crate::permission::{Permission, permissions};

/// Something that one authority permits and another does not. Its text reads well after "may".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excess(Permission);

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What changes for a plugin when one authority takes another's place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// What only the new one permits.
    pub gained: Vec<Excess>,
    /// What only the old one permits.
    pub lost: Vec<Excess>,
}

impl Difference {
    /// Whether both permit the same.
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty()
    }
}

/// One line each: `+ may …` for what is gained, then `− may …` for what is lost.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for excess in &self.gained {
            writeln!(f, "+ may {excess}")?;
        }
        for excess in &self.lost {
            writeln!(f, "− may {excess}")?;
        }
        Ok(())
    }
}

impl Authority {
    /// Whether `other` permits nothing that this one does not.
    ///
    /// # Errors
    /// What `other` permits beyond this one, sorted.
    pub fn covers(&self, other: &Self) -> Result<(), Vec<Excess>> {
        let excess = beyond(self, other);
        if excess.is_empty() { Ok(()) } else { Err(excess) }
    }

    /// What a plugin gains and loses when `new` takes this one's place.
    pub fn difference(&self, new: &Self) -> Difference {
        Difference { gained: beyond(self, new), lost: beyond(new, self) }
    }
}

/// What `other` permits beyond `granted`.
fn beyond(granted: &Authority, other: &Authority) -> Vec<Excess> {
    let granted = permissions(granted);
    let mut excess: Vec<_> = permissions(other)
        .into_iter()
        .filter(|wanted| !granted.iter().any(|permission| permission.covers(wanted)))
        .map(Excess)
        .collect();
    excess.sort();
    excess.dedup();
    excess
}
