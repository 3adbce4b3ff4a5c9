//! Who does something, and with what: users with a home country and a device, all out of the user's number.

use super::line::Line;
use super::random::Random;

pub(super) const TENANT: &str = "tn_northwind";

/// A device and the client application on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    pub(super) platform: &'static str,
    pub(super) os: &'static str,
    /// None in a native application.
    pub(super) browser: Option<&'static str>,
    pub(super) user_agent: &'static str,
    pub(super) client: &'static str,
    pub(super) app: &'static str,
}

const RETAIL_APP: &str = "aP7sVn3kLxT0yQe9WmZ4b";
const PARTNER_APP: &str = "aB2dFh6jNrV8zXc1QwE5t";

const fn native(
    platform: &'static str,
    os: &'static str,
    client: &'static str,
    agent: &'static str,
) -> Device {
    Device { platform, os, browser: None, user_agent: agent, client, app: RETAIL_APP }
}

const fn web(platform: &'static str, os: &'static str, browser: &'static str, agent: &'static str) -> Device {
    Device { platform, os, browser: Some(browser), user_agent: agent, client: "retail_web", app: RETAIL_APP }
}

const fn partner(device: Device) -> Device {
    Device { client: "partner_web", app: PARTNER_APP, ..device }
}

const SAFARI_IOS: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) Version/18.3 Mobile Safari/604.1";
const CHROME_WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/134.0 Safari/537.36";

/// Devices and how many of a hundred users have them.
static DEVICES: [(u64, Device); 10] = [
    (25, native("ios", "iOS", "retail_ios", "Northwind/5.2 (iPhone; iOS 18.3)")),
    (24, native("android", "Android", "retail_android", "Northwind/5.2 (Android 15)")),
    (8, web("ios", "iOS", "Safari", SAFARI_IOS)),
    (
        8,
        web(
            "android",
            "Android",
            "Chrome",
            "Mozilla/5.0 (Linux; Android 15) Chrome/134.0 Mobile Safari/537.36",
        ),
    ),
    (14, web("desktop", "Windows", "Chrome", CHROME_WINDOWS)),
    (
        5,
        web("desktop", "Windows", "Edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/134.0 Edg/134.0"),
    ),
    (
        6,
        web(
            "desktop",
            "macOS",
            "Safari",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.3 Safari/605.1",
        ),
    ),
    (
        2,
        web(
            "desktop",
            "Linux",
            "Firefox",
            "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
        ),
    ),
    (6, partner(web("desktop", "Windows", "Chrome", CHROME_WINDOWS))),
    (2, partner(web("ios", "iOS", "Safari", SAFARI_IOS))),
];

/// Countries and how many of a hundred users live there.
const COUNTRIES: [(u64, &str); 12] = [
    (24, "US"),
    (17, "GB"),
    (14, "DE"),
    (9, "FR"),
    (8, "BR"),
    (7, "IN"),
    (6, "ES"),
    (5, "NL"),
    (4, "JP"),
    (3, "CA"),
    (2, "AU"),
    (1, "ZA"),
];

/// A user at a device.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) user_id: String,
    /// The user's id as streams without enrichment show it.
    pub(super) hash: u64,
    pub(super) device_id: String,
    pub(super) country: &'static str,
    pub(super) ip: String,
    pub(super) device: &'static Device,
}

impl Person {
    /// The user of a number, at home: the same number is the same user on the same device.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::new(seed, USERS ^ number);
        Self {
            user_id: url_safe_id(&mut random),
            hash: random.next(),
            device_id: url_safe_id(&mut random),
            country: COUNTRIES.get(random.weighted(COUNTRIES.iter().map(|c| c.0))).map_or("US", |c| c.1),
            ip: ip(&mut random),
            device: device(&mut random),
        }
    }

    /// Now and then the user is elsewhere: another device, another network.
    pub(super) fn roam(&mut self, random: &mut Random) {
        if random.chance(120) {
            self.device = device(random);
            self.device_id = url_safe_id(random);
        }
        if random.chance(200) {
            self.ip = ip(random);
        }
    }

    /// Writes the members that tell platform, system, browser and country.
    pub(super) fn surroundings(&self, line: &mut Line<'_>) {
        line.text("platform", self.device.platform).text("os", self.device.os);
        if let Some(browser) = self.device.browser {
            line.text("browser", browser);
        }
        line.text("country", self.country);
    }
}

/// Keeps the users' streams of random numbers apart from all others.
const USERS: u64 = 0x7573_6572 << 32;

/// An id as the platform makes them: 21 letters of the URL-safe alphabet.
pub(super) fn url_safe_id(random: &mut Random) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = String::with_capacity(21);
    for _ in 0..3 {
        let mut bits = random.next();
        for _ in 0..7 {
            let letter = ALPHABET.get(usize::try_from(bits % 64).unwrap_or(0)).copied().unwrap_or(b'A');
            id.push(char::from(letter));
            bits /= 64;
        }
    }
    id
}

/// An address of 198.18.0.0/15, which is set aside for tests (RFC 2544).
pub(super) fn ip(random: &mut Random) -> String {
    format!("198.{}.{}.{}", random.between(18, 19), random.below(256), random.between(1, 254))
}

fn device(random: &mut Random) -> &'static Device {
    let position = random.weighted(DEVICES.iter().map(|entry| entry.0));
    let [(_, first), ..] = &DEVICES;
    DEVICES.get(position).map_or(first, |entry| &entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_user() {
        let (one, same, other) = (Person::new(1, 5), Person::new(1, 5), Person::new(1, 6));
        assert_eq!((&one.user_id, &one.ip, one.country), (&same.user_id, &same.ip, same.country));
        assert_ne!(one.user_id, other.user_id);
        assert_eq!(one.user_id.len(), 21);
        assert!(one.user_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    }
}
