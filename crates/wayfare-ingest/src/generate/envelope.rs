//! The envelope of an event: the members in front of its parameters, most of them the same all along a run.

use super::arrivals::Arrivals;
use super::line::Line;
use super::people::{Person, TENANT};
use super::random::Random;

/// What is the same in all events of one thing that a person does.
#[derive(Debug)]
pub(super) struct Envelope {
    source: &'static str,
    /// Members in front of the user's id, behind it, and the run's.
    head: Vec<u8>,
    user: Vec<u8>,
    device: Vec<u8>,
    run: Vec<u8>,
    correlation: Vec<u8>,
}

/// Which of the envelope's optional members an event has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) user: bool,
    pub(super) run: bool,
}

impl Envelope {
    /// The envelope of what `person` does; `correlation` is written in hexadecimal.
    pub(super) fn new(source: &'static str, person: &Person, correlation: u64) -> Self {
        let mut envelope = Self {
            source,
            head: Vec::with_capacity(128),
            user: Vec::with_capacity(64),
            device: Vec::with_capacity(256),
            run: Vec::new(),
            correlation: Vec::with_capacity(64),
        };
        Line(&mut envelope.head)
            .text("tenant_id", TENANT)
            .text("app_id", person.device.app)
            .text("client_id", person.device.client);
        Line(&mut envelope.user).text("user_id", &person.user_id);
        if source == "risk" {
            // This stream is enriched: real ids, and beside them the hashed ones they replace.
            Line(&mut envelope.user).raw(",\"original_user_id\":\"").hex(person.hash, 16).raw("\"");
        }
        Line(&mut envelope.device)
            .text("device_id", &person.device_id)
            .text("ip", &person.ip)
            .text("user_agent", person.device.user_agent);
        Line(&mut envelope.correlation).raw(",\"correlation_id\":\"").hex(correlation, 16).raw("\"");
        envelope
    }

    /// Gives the envelope a run, and the flow that the run is part of.
    pub(super) fn set_run(&mut self, upper: u64, lower: u64, flow: Option<(&str, u64)>) {
        let mut line = Line(&mut self.run);
        line.raw(",\"invocation_id\":\"").uuid(upper, lower).raw("\"");
        if let Some((name, number)) = flow {
            line.raw(",\"flow_id\":\"").raw(name).raw("-").digits(number).raw("\"");
        }
    }

    /// Puts one event of this envelope on its way; `parameters` writes what stands inside `additional_params`.
    pub(super) fn put(
        &self,
        (out, random): (&mut Arrivals, &mut Random),
        activity: &str,
        at_ms: u64,
        known: Known,
        parameters: impl FnOnce(&mut Line<'_>),
    ) {
        out.put(random, at_ms, |line| {
            line.raw("{\"activity\":\"").raw(activity).raw("\",\"timestamp\":\"").instant(at_ms).raw("\"");
            line.text("source", self.source);
            line.0.extend_from_slice(&self.head);
            if known.user {
                line.0.extend_from_slice(&self.user);
            }
            line.0.extend_from_slice(&self.device);
            if known.run {
                line.0.extend_from_slice(&self.run);
            }
            line.0.extend_from_slice(&self.correlation);
            line.raw(",\"additional_params\":{");
            parameters(line);
            line.raw("}}");
        });
    }
}
