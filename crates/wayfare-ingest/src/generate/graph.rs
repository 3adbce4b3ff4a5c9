//! What a journey is to the generator: steps, the ways between them, and what each version changed.

/// A journey, or a sub-journey that others call.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) id: &'static str,
    /// How many of a hundred runs are of this journey.
    pub(super) weight: u64,
    /// The risk engine's name for what the user does.
    pub(super) action: &'static str,
    /// Whether the user is known from the start.
    pub(super) identified: bool,
    /// Runs belong to a larger flow of the calling application.
    pub(super) flow: Option<&'static str>,
    /// The first is where a run begins.
    pub(super) steps: &'static [Step],
    pub(super) versions: &'static [Version],
}

/// A step: a time it takes, ways it goes wrong, and where it leads.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) id: &'static str,
    pub(super) kind: &'static str,
    pub(super) category: &'static str,
    /// Median time: a machine's or a person's.
    pub(super) pace_ms: u64,
    /// How many of a thousand leave while in it.
    pub(super) leave: u64,
    /// How many of a thousand attempts fail, with which errors.
    pub(super) fail: u64,
    pub(super) errors: &'static [Failure],
    /// Attempts before the journey gives up, and what it does then.
    pub(super) tries: u32,
    pub(super) give_up: To,
    pub(super) call: Option<Call>,
    pub(super) effects: &'static [Effect],
    /// Ways on, with weights. A risk check has four, for trust, allow, challenge and deny; a document check
    /// three, for allow, challenge and deny.
    pub(super) next: &'static [(u64, To)],
}

/// Where a way leads.
#[derive(Debug, Clone, Copy)]
pub(super) enum To {
    Step(&'static str),
    /// Into the sub-journey, then one way after success and one after failure.
    Sub(&'static Journey, &'static str, &'static str),
    Succeed,
    Fail,
    /// The journey ends the run by its own decision.
    Reject,
}

/// An error that a step or a call reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) category: &'static str,
    pub(super) message: &'static str,
}

/// A call to another system during a step.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) connection: &'static str,
    pub(super) latency_ms: u64,
    /// How many of a thousand fail.
    pub(super) fail: u64,
    pub(super) on_failure: OnFailure,
}

/// What a failed call means for its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// Nothing.
    Ignore,
    /// It is called again, once; then the step fails.
    Repeat,
    /// The whole journey fails, and the step is never completed.
    Break,
}

/// What else happens around a completed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// From now on the user is known.
    Identify,
    /// A recommendation of the risk engine decides the way on.
    Risk,
    /// A verification session runs inside and decides the way on.
    Verification,
    /// A text message is sent when the step starts.
    Sms,
    CreateUser,
    AddPassword,
    Login,
    /// An event type the catalogue does not know.
    DeviceTrusted,
    /// A custom event of this name, with data.
    Custom(&'static str),
}

/// A version of a journey, the first live from the beginning.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) name: &'static str,
    /// When it goes live, in percent of the period.
    pub(super) from_percent: u64,
    pub(super) changes: &'static [Change],
}

/// What a version makes different at one step, for all or for one client.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) step: &'static str,
    pub(super) client: Option<&'static str>,
    pub(super) leave: u64,
    pub(super) fail: u64,
    pub(super) errors: &'static [Failure],
    pub(super) pace_ms: u64,
    pub(super) call_fail: u64,
}

/// The numbers of a step that versions change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knobs {
    pub(super) leave: u64,
    pub(super) fail: u64,
    pub(super) errors: &'static [Failure],
    pub(super) pace_ms: u64,
    pub(super) call_fail: u64,
}

impl Journey {
    pub(super) fn step(&self, id: &str) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl Version {
    /// The numbers of `step` for a client of this version.
    pub(super) fn knobs(&self, step: &Step, client: &str) -> Knobs {
        let concerns = |change: &&Change| change.step == step.id && change.client.is_none_or(|c| c == client);
        match self.changes.iter().find(concerns) {
            Some(&Change { leave, fail, errors, pace_ms, call_fail, .. }) => {
                Knobs { leave, fail, errors, pace_ms, call_fail }
            }
            None => Knobs {
                leave: step.leave,
                fail: step.fail,
                errors: step.errors,
                pace_ms: step.pace_ms,
                call_fail: step.call.as_ref().map_or(0, |call| call.fail),
            },
        }
    }
}
