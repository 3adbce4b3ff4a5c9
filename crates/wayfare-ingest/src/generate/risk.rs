//! Recommendations of the risk engine, with score, reasons, context and signals.

use super::arrivals::Arrivals;
use super::envelope::{Envelope, Known};
use super::people::Person;
use super::random::Random;

/// What the risk engine recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recommendation {
    Trust,
    Allow,
    Challenge,
    Deny,
}

impl Recommendation {
    /// In the order of a risk check's ways on.
    pub(super) const ALL: [Self; 4] = [Self::Trust, Self::Allow, Self::Challenge, Self::Deny];

    fn name(self) -> &'static str {
        match self {
            Self::Trust => "TRUST",
            Self::Allow => "ALLOW",
            Self::Challenge => "CHALLENGE",
            Self::Deny => "DENY",
        }
    }

    /// Lowest and highest score, in tenths.
    fn score(self) -> (u64, u64) {
        match self {
            Self::Trust => (5, 120),
            Self::Allow => (80, 450),
            Self::Challenge => (420, 800),
            Self::Deny => (760, 998),
        }
    }

    fn reasons(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Trust => &[&["PROFILE_TRUSTED"], &["PROFILE_TRUSTED", "DEVICE_KNOWN"]],
            Self::Allow => &[&["PROFILE_LOW_RISK"], &["DEVICE_KNOWN"], &[]],
            Self::Challenge => {
                &[&["PROFILE_DEVICE_NEW"], &["IP_NEW", "PROFILE_DEVICE_NEW"], &["BEHAVIOR_UNUSUAL"]]
            }
            Self::Deny => {
                &[&["BEHAVIOR_BOT", "IP_RISKY_REPUTATION"], &["DEVICE_SUSPICIOUS_ATTRIBUTE", "IP_IS_TOR"]]
            }
        }
    }
}

/// Puts in one recommendation: `(correlation, user known)` and `(instant, action, recommendation)`.
pub(super) fn recommend(
    (out, random): (&mut Arrivals, &mut Random),
    person: &Person,
    (correlation, user): (u64, bool),
    (at_ms, action, recommendation): (u64, &str, Recommendation),
) {
    let (low, high) = recommendation.score();
    let score = random.between(low, high);
    let reasons = *random.pick(recommendation.reasons());
    let challenge = *random.pick(&["sms_otp", "totp", "passkey", "push_otp"]);
    let threat = *random.pick(&["ACCOUNT_TAKEOVER", "NEW_FRAUD_ACCOUNT"]);
    let performed_ms = at_ms - random.between(20, 160);
    let (id, action_id) = ([random.next(), random.next(), random.next(), random.next()], random.next());
    let (rate, asn, vpn) = (random.between(1, 6), random.between(1_000, 64_000), random.chance(60));
    let envelope = Envelope::new("risk", person, correlation);
    let known = Known { user, run: false };
    envelope.put((out, random), "risk_recommendation", at_ms, known, |line| {
        line.raw("\"id\":\"");
        for part in id {
            line.hex(part, 16);
        }
        line.raw("\"").number("issued_at", at_ms);
        line.raw(",\"recommendation\":{\"type\":\"").raw(recommendation.name()).raw("\"");
        if recommendation == Recommendation::Challenge {
            line.text("challenge_type", challenge);
        }
        line.raw("},\"risk_score\":").digits(score / 10).raw(".").digits(score % 10);
        line.list("reasons", reasons);
        line.list(
            "threats",
            if recommendation == Recommendation::Deny { std::slice::from_ref(&threat) } else { &[] },
        );
        line.raw(",\"context\":{\"action_id\":\"").hex(action_id, 16).raw("\"").text("action_type", action);
        line.number("action_performed_at", performed_ms);
        line.text("ip_country", person.country).number("ip_asn_id", asn);
        line.text("device_platform", person.device.platform).text("os_name", person.device.os);
        if let Some(browser) = person.device.browser {
            line.text("browser_name", browser);
        }
        let deny = recommendation == Recommendation::Deny;
        line.raw("},\"risk_signals\":{\"device\":{\"incognito\":false").flag("emulated", deny && rate > 3);
        line.raw("},\"network\":{\"hosting\":false").flag("vpn", vpn);
        line.raw("},\"history\":{\"user_action_rate_60_sec\":").digits(rate).raw("}}");
    });
}
