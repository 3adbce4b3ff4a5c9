//! What administrators do: they log in, change things, log out; and they put journeys' versions live.

use super::arrivals::Arrivals;
use super::line::Line;
use super::people::{TENANT, ip, url_safe_id};
use super::random::Random;

/// Changes: activity, kind of the target, the field changed, its values before and after.
type Deed = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// The vendor spells activities of administrators in camel case, in `snake_case` now and then.
const DEEDS: [Deed; 22] = [
    ("updateApp", "app", "name", "Northwind Retail", "Northwind"),
    ("adminUpdateUser", "user", "phone_number_verified", "false", "true"),
    ("editAuthSettings", "app", "otp_validity_minutes", "5", "10"),
    ("admin_recovery_otp_code_generated", "user", "temporary_code", "none", "issued"),
    ("editPreviewPolicy", "app", "rule_mode", "PREVIEW", "PRODUCTION"),
    ("createApiToken", "tenant", "token", "none", "reporting"),
    ("createUser", "user", "status", "none", "active"),
    ("deleteUser", "user", "status", "active", "none"),
    ("editGeneralSettings", "tenant", "session_hours", "8", "12"),
    ("createApp", "app", "name", "none", "Northwind Kiosk"),
    ("enableAppSpecificSigningKey", "app", "signing_key", "tenant", "app"),
    ("addAdmin", "user", "role", "none", "analyst"),
    ("updateMgmtApp", "app", "scope", "read", "write"),
    ("disableAppSpecificSigningKey", "app", "signing_key", "app", "tenant"),
    ("removeAdmin", "user", "role", "analyst", "none"),
    ("createMgmtApp", "app", "name", "none", "Nightly export"),
    ("deleteApiToken", "tenant", "token", "reporting", "none"),
    ("deleteApp", "app", "name", "Northwind Kiosk", "none"),
    ("deleteMgmtApp", "app", "name", "Nightly export", "none"),
    ("adminUpdateTenant", "tenant", "logo", "2025.svg", "2026.svg"),
    ("adminCreateTenant", "tenant", "name", "none", "northwind-test"),
    ("pushPolicyToProduction", "app", "policy", "preview", "production"),
];

/// There are this many administrators.
const ADMINS: u64 = 7;

/// One visit to the portal; `visit` counts them, so that every kind of change has its turn.
pub(super) fn visit(out: &mut Arrivals, random: &mut Random, seed: u64, visit: u64, start_ms: u64) {
    let admin = Admin::new(seed, random.below(ADMINS));
    let mut now_ms = start_ms;
    admin.put((out, random), admin.spelled("adminLogin", "admin_login"), now_ms, "app", None);
    let frequent = random.below(5);
    for number in [visit, frequent] {
        let deed = usize::try_from(number).ok().and_then(|number| DEEDS.get(number % DEEDS.len()));
        if let Some(&(activity, target, field, before, after)) = deed {
            now_ms += 1 + random.around(90_000);
            admin.put((out, random), activity, now_ms, target, Some((field, before, after)));
        }
    }
    if random.chance(700) {
        now_ms += 1 + random.around(200_000);
        admin.put((out, random), admin.spelled("adminLogout", "admin_logout"), now_ms, "app", None);
    }
}

/// A version of a journey goes live.
pub(super) fn publish(
    out: &mut Arrivals,
    random: &mut Random,
    seed: u64,
    at_ms: u64,
    (journey, before, after): (&str, &str, &str),
) {
    let admin = Admin::new(seed, 1);
    out.put(random, at_ms, |line| {
        admin.envelope(line, "pushPolicyToProduction", at_ms, "app", "journey_editor_0000001");
        line.raw("\"policy_id\":\"").raw(journey).raw("\"");
        line.raw(",\"version\":{\"prev\":\"").raw(before).raw("\"").text("current", after).raw("}}}");
    });
}

struct Admin {
    number: u64,
    id: String,
    ip: String,
}

impl Admin {
    fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, (0x61 << 56) ^ number);
        Self { number, id: url_safe_id(&mut random), ip: ip(&mut random) }
    }

    fn spelled(&self, camel: &'static str, snake: &'static str) -> &'static str {
        if self.number.is_multiple_of(3) { snake } else { camel }
    }

    fn put(
        &self,
        (out, random): (&mut Arrivals, &mut Random),
        activity: &str,
        at_ms: u64,
        target: &str,
        change: Option<(&str, &str, &str)>,
    ) {
        let target_id = url_safe_id(random);
        let target_id = if change.is_some() { target_id.as_str() } else { "admin-portal" };
        out.put(random, at_ms, |line| {
            self.envelope(line, activity, at_ms, target, target_id);
            if let Some((field, before, after)) = change {
                line.raw("\"").raw(field).raw("\":{\"prev\":\"").raw(before).raw("\"");
                line.text("current", after).raw("}");
            }
            line.raw("}}");
        });
    }

    /// Writes the line up to the parameters' opening brace.
    fn envelope(&self, line: &mut Line<'_>, activity: &str, at_ms: u64, target: &str, target_id: &str) {
        line.raw("{\"activity\":\"").raw(activity).raw("\",\"timestamp\":\"").instant(at_ms).raw("\"");
        line.text("source", "admin").text("tenant_id", TENANT).text("ip", &self.ip);
        line.text("user_agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/134.0");
        line.text("actor_id", &self.id).text("actor_type", "user");
        line.text("target_resource_id", target_id).text("target_resource_type", target);
        line.raw(",\"additional_params\":{");
    }
}
