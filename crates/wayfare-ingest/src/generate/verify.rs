//! Identity verification: the session in which somebody photographs a document and himself.
//!
//! Sessions have an id and no user; those of a journey share its correlation id.

use super::arrivals::Arrivals;
use super::envelope::{Envelope, Known};
use super::line::Line;
use super::people::Person;
use super::random::Random;

/// How a session turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Completed with this recommendation.
    Decided(&'static str),
    /// The document is of a kind that is not accepted.
    Restricted,
    /// Something went wrong in the browser.
    Error,
    /// The user goes away half-way.
    Quit,
}

impl Fate {
    /// The fate of a session that takes a way on of its step: allow, challenge, deny.
    pub(super) fn decided(way: usize) -> Self {
        Self::Decided(["ALLOW", "CHALLENGE", "DENY"].get(way).copied().unwrap_or("ALLOW"))
    }
}

/// A session on its way.
#[derive(Debug)]
pub(super) struct Session<'a> {
    out: &'a mut Arrivals,
    random: Random,
    envelope: Envelope,
    person: &'a Person,
    id: u64,
    now_ms: u64,
}

/// How many of a thousand images have to be taken again.
const BAD_IMAGE_PERMILLE: u64 = 240;
const BAD_IMAGE: [&str; 5] = ["blur", "glare", "obstructed", "document_not_found", "face_too_small"];
const RETAKES_MAX: u32 = 3;

impl<'a> Session<'a> {
    /// Runs a session that starts at an instant and has a fate; gives the instant it is over.
    pub(super) fn run(
        out: &'a mut Arrivals,
        mut random: Random,
        person: &'a Person,
        correlation: u64,
        (start_ms, fate): (u64, Fate),
    ) -> u64 {
        let envelope = Envelope::new("verify", person, correlation);
        let id = random.next();
        let mut session = Session { out, random, envelope, person, id, now_ms: start_ms };
        session.opens();
        let quits_early = fate == Fate::Quit && session.random.chance(400);
        if quits_early || (fate == Fate::Quit && session.images(1)) {
            return session.now_ms;
        }
        match fate {
            Fate::Error => {
                session.images(1);
                session.event("error", 900, |line| {
                    line.text("error_code", "something_went_wrong").text("page", "capture");
                });
            }
            Fate::Restricted => {
                session.images(1);
                session.event("deny_by_restriction_criterion", 700, |line| {
                    line.text("criterion", "document_type");
                });
            }
            Fate::Decided(recommendation) => session.decides(recommendation),
            Fate::Quit => {}
        }
        session.now_ms
    }

    /// A face authentication without documents.
    pub(super) fn face_authentication(
        out: &'a mut Arrivals,
        mut random: Random,
        person: &'a Person,
        start_ms: u64,
    ) {
        let envelope = Envelope::new("verify", person, random.next());
        let id = random.next();
        let mut session = Session { out, random, envelope, person, id, now_ms: start_ms };
        session.event("face_auth_session_started", 0, |_| {});
        if session.random.chance(880) {
            session.event("face_auth_session_completed", 8_000, |line| {
                line.text("recommendation", "ALLOW");
            });
        }
    }

    fn opens(&mut self) {
        self.event("session_created", 0, |line| {
            line.text("status", "pending");
        });
        self.event("session_started", 1_200, |_| {});
        self.event("page_loaded", 900, |line| {
            line.text("page", "consent");
        });
        self.event("consent_approved", 6_500, |_| {});
        self.event("user_action_performed", 2_500, |line| {
            line.text("action", "start_capture");
        });
    }

    /// Takes `count` of the three images, each until it is good enough; always true.
    fn images(&mut self, count: usize) -> bool {
        for image in ["document_front", "document_back", "selfie"].into_iter().take(count) {
            for retake in 0..=RETAKES_MAX {
                self.event("image_capture_clicked", 7_000, |line| {
                    line.text("image_type", image);
                });
                let bad = retake < RETAKES_MAX && self.random.chance(BAD_IMAGE_PERMILLE);
                let feedback = if bad { *self.random.pick(&BAD_IMAGE) } else { "ok" };
                self.event("check_image_quality", 700, |line| {
                    line.text("image_type", image).text("feedback", feedback);
                });
                if !bad {
                    break;
                }
            }
            self.event("image_uploaded", 1_100, |line| {
                line.text("image_type", image);
            });
            let processing_ms = self.random.around(640);
            self.event("image_uploaded_info", 90, |line| {
                line.text("image_type", image).number("processing_time_ms", processing_ms);
            });
        }
        true
    }

    fn decides(&mut self, recommendation: &'static str) {
        self.images(3);
        if self.random.chance(250) {
            self.event("allow_by_restriction_criterion", 300, |line| {
                line.text("criterion", "document_country");
            });
        }
        self.event("sdk_process_completed", 400, |_| {});
        self.event("verification_started", 500, |line| {
            line.text("status", "processing");
        });
        self.event("verification_status_updated", 2_600, |line| {
            line.text("status", "processing");
        });
        let reason = match recommendation {
            "ALLOW" => None,
            "CHALLENGE" => Some(*self.random.pick(&["document_damaged", "biometric_mismatch"])),
            _ => Some(*self.random.pick(&["document_tampering", "screen_capture"])),
        };
        self.event("verification_completed", 16_000, |line| {
            line.text("status", "complete").text("recommendation", recommendation);
            line.raw(",\"checks\":{\"document_authentication\":{\"recommendation\":\"")
                .raw(recommendation)
                .raw("\"");
            line.list("reasons", reason.as_slice()).raw("}}");
        });
        self.event("verification_status_updated", 60, |line| {
            line.text("status", "complete");
        });
        if self.random.chance(350) {
            self.event("read_image_data", 300, |line| {
                line.text("image_type", "selfie");
            });
        }
        self.event("redirect", 1_400, |_| {});
        let over_ms = self.now_ms;
        if self.random.chance(300) {
            self.event("session_deleted", 2 * 3_600_000, |line| {
                line.text("cause", "api");
            });
        }
        self.now_ms = over_ms;
    }

    /// Puts in an event a while after the last one.
    fn event(&mut self, activity: &str, pace_ms: u64, members: impl FnOnce(&mut Line<'_>)) {
        self.now_ms += if pace_ms == 0 { 0 } else { 1 + self.random.around(pace_ms) };
        let (id, person, at_ms) = (self.id, self.person, self.now_ms);
        let known = Known { user: false, run: false };
        self.envelope.put((&mut *self.out, &mut self.random), activity, at_ms, known, |line| {
            line.raw("\"session_id\":\"vs_").hex(id, 16).raw("\"");
            members(line);
            person.surroundings(line);
        });
    }
}
