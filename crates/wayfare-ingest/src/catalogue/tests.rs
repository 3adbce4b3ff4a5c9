//! The catalogue against the vendor's page, and every spelling of every name.

use std::path::Path;

use super::*;

#[test]
fn every_source_has_all_its_event_types() {
    let count = |source: Source, journey: bool| {
        event_types().iter().filter(|e| e.source == source && (e.role != Role::Other) == journey).count()
    };
    assert_eq!(count(Source::Cis, true), 7 + 1, "journey events and the start of a sub-journey");
    assert_eq!(count(Source::Cis, false), 7, "user management and authentication");
    assert_eq!(count(Source::Verify, false), 21);
    assert_eq!(count(Source::Risk, false), 1);
    assert_eq!(count(Source::Admin, false), 24);
    assert_eq!(event_types().len(), 61);
}

#[test]
fn every_key_is_snake_case_and_unique_in_its_source() {
    for event in event_types() {
        let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(event.key.chars().all(snake), "{}", event.key);
        let twins = event_types().iter().filter(|e| e.source == event.source && e.key == event.key);
        assert_eq!(twins.count(), 1, "{}", event.key);
        assert_eq!(fold(event.key), fold(event.display_name), "{}", event.key);
    }
}

#[test]
fn every_alias_finds_its_event_type() {
    for event in event_types() {
        let mut names = event.aliases();
        names.extend(event.aliases().iter().map(|name| name.to_uppercase()));
        for name in names {
            assert_eq!(find(Some(event.source), &name), Some(event), "{name} of {}", event.source);
            assert!(candidates(&name).contains(&event), "{name}");
            let unique = candidates(&name).len() == 1;
            assert_eq!(find(None, &name), unique.then_some(event), "{name}");
        }
    }
}

#[test]
fn aliases_are_display_camel_snake_and_hyphenated() {
    let aliases = |source, name| find(Some(source), name).unwrap().aliases();
    assert_eq!(
        aliases(Source::Cis, "step_started"),
        ["Step started", "stepStarted", "step_started", "step-started"]
    );
    assert_eq!(aliases(Source::Admin, "add_admin"), ["addAdmin", "add_admin", "add-admin"]);
    assert_eq!(aliases(Source::Verify, "error"), ["Error", "error"]);
}

#[test]
fn a_name_of_two_sources_needs_the_source() {
    let of = |name: &str| candidates(name).iter().map(|e| e.source).collect::<Vec<_>>();
    assert_eq!(of("createUser"), [Source::Cis, Source::Admin]);
    assert_eq!(find(None, "create_user"), None);
    assert_eq!(find(Some(Source::Cis), "createUser").unwrap().display_name, "Create user");
    assert_eq!(find(Some(Source::Admin), "Create user").unwrap().display_name, "createUser");

    let ambiguous = event_types().iter().filter(|e| candidates(e.key).len() > 1).map(|e| e.key);
    assert_eq!(ambiguous.collect::<Vec<_>>(), ["create_user", "create_user"], "there are no others");
}

#[test]
fn an_unknown_name_finds_nothing() {
    for name in ["", "-", "step", "step_started2", "stëp_started", &"x".repeat(10_000)] {
        assert_eq!(find(None, name), None, "{name}");
        assert_eq!(find(Some(Source::Cis), name), None);
        assert!(candidates(name).is_empty());
    }
    assert_eq!(find(Some(Source::Risk), "step_started"), None, "of another source");
}

#[test]
fn roles_go_by_canonical_key_of_cis_only() {
    assert_eq!(role_of("journey_started"), Role::JourneyStarted);
    assert_eq!(role_of("sub_journey_started"), Role::SubJourneyStarted);
    assert_eq!(role_of("journey_completed_successfully"), Role::JourneySucceeded);
    assert_eq!(role_of("journey_completed_unsuccessfully"), Role::JourneyFailed);
    assert_eq!(role_of("step_started"), Role::StepStarted);
    assert_eq!(role_of("step_completed"), Role::StepCompleted);
    assert_eq!(role_of("custom_event"), Role::CustomEvent);
    assert_eq!(role_of("external_connection_call"), Role::ExternalCall);
    for other in ["session_started", "user_login", "Journey started", "add_admin", "nothing"] {
        assert_eq!(role_of(other), Role::Other, "{other}");
    }
}

#[test]
fn sources_read_as_they_print() {
    for source in Source::ALL {
        assert_eq!(source.as_str().parse::<Source>().unwrap(), source);
    }
    let error = "CIS".parse::<Source>().unwrap_err();
    assert_eq!(error.to_string(), "expected a source (cis, verify, risk or admin), saw \"CIS\"");
}

/// The tables of the vendor's page: (source, display name, description without links).
fn vendor_rows(page: &str) -> Vec<(Source, String, String)> {
    let mut rows = Vec::new();
    let mut source = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            source = Source::ALL.into_iter().find(|s| {
                heading.contains(&format!("({s})")) || heading.to_lowercase().starts_with(s.as_str())
            });
        }
        let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if let (true, Some(source), [name, description]) = (line.starts_with('|'), source, cells.as_slice())
            && *name != "Event type"
            && !name.starts_with("---")
        {
            rows.push((source, name.trim_matches('`').to_owned(), without_links(description)));
        }
    }
    rows
}

fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let (label, after) = link.split_once("](").unwrap();
        plain.push_str(before);
        plain.push_str(label);
        rest = after.split_once(')').unwrap().1;
    }
    plain + rest
}

#[test]
fn the_vendors_page_is_covered_row_by_row() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/mosaic-activity-events.md");
    let Ok(page) = std::fs::read_to_string(&page) else {
        eprintln!("SKIPPED: the vendor's page is not at {}", page.display());
        return;
    };
    let rows = vendor_rows(&page);
    assert_eq!(rows.len(), 60);
    for (source, name, description) in &rows {
        let event = find(Some(*source), name).unwrap_or_else(|| panic!("{source}: {name} is missing"));
        assert_eq!((event.display_name, event.description), (name.as_str(), description.as_str()));
    }
    let extra = event_types()
        .iter()
        .filter(|e| !rows.iter().any(|(s, n, _)| (*s, n.as_str()) == (e.source, e.display_name)));
    assert_eq!(extra.map(|e| e.key).collect::<Vec<_>>(), ["sub_journey_started"]);
}
