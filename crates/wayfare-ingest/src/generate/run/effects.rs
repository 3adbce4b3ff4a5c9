//! What else happens around a step: events of user management, of the risk engine, of the journey's author.

use super::super::envelope::Known;
use super::super::graph::{Effect, Step};
use super::super::risk::{self, Recommendation};
use super::{Line, Run};

impl Run<'_> {
    /// The text message a step sends when it starts.
    pub(super) fn sms(&mut self, step: &Step) {
        if step.effects.contains(&Effect::Sms) {
            self.now_ms += self.random.between(20, 180);
            self.user_event("sms_sent", true, |line| {
                line.raw("\"channel\":\"sms\",\"template\":\"otp\"");
            });
        }
    }

    /// What happens between a step's start and its completion.
    pub(super) fn effects_inside(&mut self, step: &'static Step, way: usize) {
        for effect in step.effects {
            match effect {
                Effect::Risk => self.risk(way),
                Effect::Custom(name) => self.custom(step, name),
                _ => {}
            }
        }
    }

    /// What happens once a step is completed.
    pub(super) fn effects_after(&mut self, step: &Step) {
        for effect in step.effects {
            let (activity, in_run, parameters) = match effect {
                Effect::CreateUser => ("create_user", false, "\"status\":\"active\""),
                Effect::AddPassword => ("add_password", true, "\"method\":\"password\""),
                Effect::Login => ("authentication_succeeded", true, "\"assurance_level\":2"),
                Effect::DeviceTrusted if self.random.chance(300) => {
                    ("device_trusted", true, "\"binding\":\"key\"")
                }
                _ => continue,
            };
            self.now_ms += self.random.between(1, 12);
            self.user_event(activity, in_run, |line| {
                line.raw(parameters);
            });
            if *effect == Effect::Login {
                self.now_ms += self.random.between(1, 9);
                self.user_event("user_login", false, |line| {
                    line.raw("\"session\":\"new\"");
                });
            }
        }
    }

    /// What happens once a step has failed.
    pub(super) fn effects_failed(&mut self, step: &Step) {
        if step.effects.contains(&Effect::CreateUser) {
            self.now_ms += self.random.between(1, 12);
            self.user_event("create_user_failure", false, |line| {
                line.raw("\"reason\":\"user_already_exists\"");
            });
        }
    }

    fn risk(&mut self, way: usize) {
        let at_ms = self.now_ms;
        let recommendation = Recommendation::ALL.get(way).copied().unwrap_or(Recommendation::Allow);
        let action = self.journey.action;
        let user = self.identified;
        risk::recommend(
            (&mut *self.out, &mut self.random),
            &self.person,
            (self.correlation, user),
            (at_ms, action, recommendation),
        );
        self.now_ms += self.random.between(2, 30);
    }

    fn custom(&mut self, step: &'static Step, name: &str) {
        let (chosen, number) = (self.random.chance(430), self.random.around(6_400));
        self.step_event("custom_event", step, |line| {
            line.text("report_type", name).raw(",\"data\":{");
            match name {
                "payment_authorized" => line.raw("\"currency\":\"EUR\"").number("amount_minor", number),
                "consent_given" => line.raw("\"terms\":\"2026-02\"").flag("marketing", chosen),
                _ => line.raw("\"level\":2").number("score", number / 80),
            };
            line.raw("}");
        });
        self.now_ms += self.random.between(1, 15);
    }

    /// Puts in an event of user management or authentication: with the run's id, or only its correlation id.
    fn user_event(&mut self, activity: &str, in_run: bool, parameters: impl FnOnce(&mut Line<'_>)) {
        let known = Known { user: self.identified, run: in_run };
        self.envelope.put((&mut *self.out, &mut self.random), activity, self.now_ms, known, |line| {
            parameters(line);
            self.person.surroundings(line);
        });
    }
}
