//! A person's wish to stop, in two steps.

use ss_provider::Cancel;

/// Ctrl-C: once, what runs is finished and nothing more is started; twice, what runs is cancelled.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    stop: Cancel,
    abort: Cancel,
}

impl Interrupt {
    /// Takes the next step; returns whether what runs is cancelled now.
    pub fn press(&self) -> bool {
        if self.stop.is_cancelled() {
            self.abort.cancel();
        }
        self.stop.cancel();
        self.abort.is_cancelled()
    }

    /// Set once nothing more shall start.
    pub fn stop(&self) -> &Cancel {
        &self.stop
    }

    /// Set once what runs shall be cancelled.
    pub fn abort(&self) -> &Cancel {
        &self.abort
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_press_stops_and_the_second_cancels() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.press());
        assert!(interrupt.stop().is_cancelled() && !interrupt.abort().is_cancelled());
        assert!(interrupt.press());
        assert!(interrupt.abort().is_cancelled());
    }
}
