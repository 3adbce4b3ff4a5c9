#!/usr/bin/env python3
"""Computes expected.json: the numbers a correct engine gives for sample.ndjson.gz.

    pip install duckdb
    python data/expected.py            # writes data/expected.json
    python data/expected.py --check    # compares instead, exit code 1 on a difference

Everything is SQL over the lines of the sample alone, by window functions where the engine folds and walks, so that
the two agree only when both are right. Rules: docs/semantics.md. Instants are milliseconds since 1970.
"""
import json
import pathlib
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
SAMPLE = HERE / "sample.ndjson.gz"
EXPECTED = HERE / "expected.json"
IDLE_MS = 30 * 60_000
WINDOW_MS = 24 * 3_600_000

# The main line of each journey: its start, then completions of these steps.
FUNNELS = {
    "login": ["login_form", "password", "risk_check", "issue_session"],
    "signup": ["registration_form", "email_otp", "create_user", "set_password", "consent", "welcome_email"],
    "password_reset": ["identify_user", "send_code", "verify_code", "new_password", "notify_user"],
    "step_up": ["choose_factor", "push_approve", "risk_check", "grant_access"],
    "kyc": ["kyc_intro", "personal_details", "document_check", "registry_check", "activate_account"],
    "payment": ["payment_details", "risk_check", "authorize_payment", "receipt"],
}

# Lines, with the activity under its canonical key.
EVENTS = """
create table events as
select
    source,
    lower(regexp_replace(activity, '([a-z0-9])([A-Z])', '\\1_\\2', 'g')) as activity,
    epoch_ms(timestamp) as at_ms,
    invocation_id as run,
    additional_params as params,
    params->>'journey_id' as journey,
    params->>'journey_version' as version,
    params->>'step_id' as step,
    params->>'outcome' as outcome,
    params->>'connection_id' as connection,
    client_id as client,
    params->>'platform' as platform,
    (params->>'latency_ms')::bigint as latency_ms,
    (params->>'http_status')::int as http_status,
    params->>'$.error.code' as error_code,
    params->>'$.error.category' as error_category,
    params->>'session_id' as session
from read_json(?, format = 'newline_delimited', columns = {
    activity: 'VARCHAR', timestamp: 'TIMESTAMP', source: 'VARCHAR', invocation_id: 'VARCHAR', client_id: 'VARCHAR',
    additional_params: 'JSON'})
"""

# Events of runs in the canonical order: by instant, then by kind, then by name and detail. `depth` is the number of
# open sub-journeys behind the event; the first terminal event that takes it below zero ends the run.
TOKENS = """
create table tokens as
with kinds as (
    select *, case
        when activity = 'journey_started' then 'started'
        when activity = 'sub_journey_started' then 'sub_started'
        when activity = 'step_started' then 'step_started'
        when activity = 'external_connection_call' then
            if(outcome = 'failure' or error_code is not null
               or coalesce((params->>'http_status')::int >= 400, false), 'call_failed', 'call')
        when activity = 'custom_event' then 'custom'
        when activity = 'step_completed' then
            if(outcome = 'failure' or error_code is not null, 'step_failed', 'step_completed')
        when activity = 'journey_completed_successfully' then 'ended_well'
        when activity = 'journey_completed_unsuccessfully' then 'ended_badly'
        else 'other' end as kind
    from events where run is not null
),
placed as (
    select *, row_number() over (partition by run order by
        at_ms,
        list_position(['started', 'sub_started', 'step_started', 'call', 'call_failed', 'custom', 'other',
                       'step_completed', 'step_failed', 'ended_well', 'ended_badly'], kind),
        case kind when 'sub_started' then journey when 'other' then activity
                  when 'call' then connection when 'call_failed' then connection else step end nulls first,
        error_code nulls first) as place
    from kinds
)
select *, kind like 'ended%' as ends, sum(case when kind = 'sub_started' then 1 when kind like 'ended%' then -1 else 0 end)
    over (partition by run order by place) as depth
from placed
"""

RUNS = """
create table runs as
with ends as (
    select run, min(place) as place from tokens where ends and depth < 0 group by run
),
facts as (
    select run, min(at_ms) as first_at, max(at_ms) as last_at,
        coalesce(min(at_ms) filter (kind = 'started'), min(at_ms)) as started_at,
        arg_min(journey, place) filter (kind = 'started') as journey,
        arg_min(version, place) filter (kind = 'started') as version,
        arg_min(client, place) filter (client is not null) as client,
        arg_min(platform, place) filter (platform is not null) as platform
    from tokens group by run
)
select f.*, e.place as end_place, t.at_ms as ended_at, t.at_ms - f.started_at as duration_ms,
    t.step as end_step, t.error_code as end_code, t.error_category as end_category,
    case when t.kind = 'ended_well' then 'succeeded' when t.kind = 'ended_badly' then 'failed'
         when (select max(at_ms) from events) - f.last_at > getvariable('idle_ms') then 'abandoned'
         else 'open' end as state
from facts f left join ends e using (run) left join tokens t on t.run = e.run and t.place = e.place
"""

# One row an attempt: a start with the completion or failure that follows it among the step's own events, or a
# completion that no start precedes.
ATTEMPTS = """
create table attempts as
with own as (
    select run, step, place, kind, at_ms, error_code, error_category,
        lag(kind) over w as before, lead(kind) over w as after,
        lead(at_ms) over w as after_ms, lead(place) over w as after_place,
        lead(error_code) over w as after_code, lead(error_category) over w as after_category
    from tokens where kind in ('step_started', 'step_completed', 'step_failed')
    window w as (partition by run, step order by place)
),
pairs as (
    select run, step, place, at_ms as started_at,
        case after when 'step_completed' then 'completed' when 'step_failed' then 'failed' else 'unfinished' end as result,
        if(after <> 'step_started', after_ms, null) as ended_at,
        if(after <> 'step_started', after_place, null) as end_place,
        if(after = 'step_failed', after_code, null) as error_code,
        if(after = 'step_failed', after_category, null) as error_category
    from own where kind = 'step_started'
    union all
    select run, step, place, null, replace(kind, 'step_', ''), at_ms, place,
        if(kind = 'step_failed', error_code, null), if(kind = 'step_failed', error_category, null)
    from own where kind <> 'step_started' and before is distinct from 'step_started'
)
select *,
    row_number() over (partition by run, step order by place) as number,
    row_number() over (partition by run, step order by place desc) = 1 as last_of_step,
    row_number() over (partition by run order by place desc) = 1 as last_of_run
from pairs
"""

# Each failed run's step and error. The error is the terminal event's, else that of the attempt that failed, else
# that of the last failed call since the step's last attempt began.
FAILURES = """
create table failures as
with failed as (select * from runs where state = 'failed'),
last_failed as (
    select run, arg_max(step, end_place) as step, arg_max(error_code, end_place) as code,
        arg_max(error_category, end_place) as category
    from attempts where result = 'failed' group by run
),
last_unfinished as (select run, arg_max(step, place) as step from attempts where result = 'unfinished' group by run),
last_seen as (select run, arg_max(step, place) as step from tokens where step is not null group by run),
blamed as (
    select f.*, coalesce(f.end_step, lf.step, lu.step, ls.step) as failing_step,
        lf.code as last_code, lf.category as last_category
    from failed f
    left join last_failed lf using (run) left join last_unfinished lu using (run) left join last_seen ls using (run)
),
tried as (
    select b.*, a.place as since,
        if(b.end_step is null, b.last_code, a.error_code) as attempt_code,
        if(b.end_step is null, b.last_category, a.error_category) as attempt_category
    from blamed b left join attempts a on a.run = b.run and a.step = b.failing_step and a.last_of_step
),
called as (
    select t.run, arg_max(k.error_code, k.place) as code, arg_max(k.error_category, k.place) as category,
        arg_max(k.connection, k.place) as connection
    from tried t join tokens k on k.run = t.run and k.kind = 'call_failed' and k.place between t.since and t.end_place
    group by t.run
)
select t.run, t.journey, t.version, t.failing_step,
    case when t.end_code is not null or t.end_category is not null then t.end_code
         when t.attempt_code is not null or t.attempt_category is not null then t.attempt_code
         else c.code end as error_code,
    case when t.end_code is not null or t.end_category is not null then t.end_category
         when t.attempt_code is not null or t.attempt_category is not null then t.attempt_category
         else c.category end as error_category,
    error_code is null and error_category is null as rejected, c.connection
from tried t left join called c using (run)
"""

# From each attempt of a run to the next, in the order in which they begin; times from beginning to beginning.
PASSAGES = """
create table passages as
with nodes as (
    select run, -1 as place, 'START' as node, started_at as at_ms from runs
    union all
    select run, place, step, coalesce(started_at, ended_at) from attempts
    union all
    select run, 1000000, 'END ' || state, ended_at from runs
)
select r.journey, n.run, n.node as "from", lead(n.node) over w as "to", lead(n.at_ms) over w - n.at_ms as took_ms
from nodes n join runs r using (run)
window w as (partition by n.run order by n.place)
qualify "to" is not null
"""

# Runs that a dimension's value holds of, by journey. `failed_step` and the two others hold of runs in which an attempt
# or a call failed before the end.
FEATURES = """
create table features as
select journey, 'journey_version' as dimension, version as value, run from runs
union all select journey, 'client_id', client, run from runs
union all select journey, 'platform', platform, run from runs
union all select distinct r.journey, 'failed_step', step, run from tokens t join runs r using (run) where kind = 'step_failed'
union all select distinct r.journey, 'error_code', error_code, run from tokens t join runs r using (run)
    where kind = 'step_failed' and error_code is not null
union select distinct r.journey, 'error_code', coalesce(error_code, http_status::text), run
    from tokens t join runs r using (run) where kind = 'call_failed' and coalesce(error_code, http_status::text) is not null
union all select distinct r.journey, 'failed_connection', connection, run from tokens t join runs r using (run)
    where kind = 'call_failed' and connection is not null
"""

# What the rules leave to chance must not happen in the sample.
ASSUMPTIONS = {
    "no line comes twice": "select count(*) - count(distinct columns(*)::text) from (select to_json(events) from events)",
    "a run starts once": "select count(*) from (select run from tokens where kind = 'started' group by run having count(*) <> 1)",
    "no two ends at one instant": "select count(*) from (select run, at_ms from tokens where ends group by all having count(*) > 1)",
    "nothing after the end": "select count(*) from tokens join runs using (run) where place > end_place",
    "no attempt starts and ends at one instant": "select count(*) from attempts where started_at = ended_at",
    "a sub-journey holds no other": "select count(*) from tokens where depth > 1",
    "every attempt has a start": "select count(*) from attempts where started_at is null",
}

OVERVIEW = """
select coalesce(r.journey, 'all') as journey, {version} count(*) as started,
    count(*) filter (state = 'succeeded') as succeeded, count(*) filter (state = 'failed') as failed,
    count(*) filter (rejected) as rejected, count(*) filter (not rejected) as error,
    count(*) filter (state = 'abandoned') as abandoned, count(*) filter (state = 'open') as open,
    succeeded + failed as total_invocations, avg(duration_ms) as average_duration_ms,
    succeeded / total_invocations as completion_rate, failed / total_invocations as error_rate,
    {quantiles}
from runs r left join failures f using (run) group by {group} order by all
"""

STEPS = """
with per_run as (
    select r.journey, a.run, a.step, any_value(r.state) as state, count(*) as attempts,
        bool_or(result = 'completed') as completed, bool_or(result = 'failed') as failed,
        bool_or(result = 'completed' and number = 1) as first_try,
        bool_or(result = 'failed' and last_of_step) as last_failed, bool_or(last_of_run) as last_of_run
    from attempts a join runs r using (run) group by all
),
classed as (
    select *, case when completed then null when last_failed then 'failed' when not last_of_run then 'moved_on'
        when state = 'failed' then 'failed' when state = 'abandoned' then 'abandoned' when state = 'open' then 'open'
        else 'moved_on' end as fate
    from per_run
),
durations as (
    select r.journey, a.step, quantile_cont(a.ended_at - a.started_at, 0.5) as p50_duration_ms,
        quantile_cont(a.ended_at - a.started_at, 0.95) as p95_duration_ms
    from attempts a join runs r using (run) where result = 'completed' group by all
)
select journey, step, count(*) as reached, sum(attempts)::bigint as attempts,
    sum(attempts)::bigint - count(*) as retries,
    count(*) filter (completed) as completed, count(*) filter (failed) as failed,
    count(*) filter (first_try) as first_try_completed,
    count(*) filter (completed) as completion_numerator, count(*) as completion_denominator,
    count(*) filter (fate = 'failed') as failed_here, count(*) filter (fate = 'abandoned') as abandoned_here,
    count(*) filter (fate = 'open') as open_here, count(*) filter (fate = 'moved_on') as moved_on,
    any_value(p50_duration_ms) as p50_duration_ms, any_value(p95_duration_ms) as p95_duration_ms
from classed left join durations using (journey, step)
group by journey, step order by journey, step
"""

TRANSITIONS = """
select journey, "from", "to", count(distinct run) as invocations, count(*) as passages, quantile_cont(took_ms, 0.5) as median_ms
from passages group by all order by all
"""

VARIANTS = """
with ways as (
    select journey, run, state, duration_ms, string_agg(step, ' → ' order by place) as steps, count(*) as attempts
    from attempts join runs using (run) group by all
)
select journey, steps, any_value(attempts) as attempts, count(*) as invocations,
    quantile_cont(duration_ms, 0.5) as median_duration_ms
from ways group by all order by all
"""

DURATIONS = """
select journey, state, count(*) as runs, min(duration_ms) as shortest_ms, avg(duration_ms) as average_ms,
    quantile_cont(duration_ms, 0.5) as median_ms, quantile_cont(duration_ms, 0.99) as p99_ms, max(duration_ms) as longest_ms
from runs where duration_ms is not null group by all order by all
"""

# A failed run is explained by a failed call of the connection that it is attributed to.
CALLS = """
with explained as (
    select f.connection, count(*) as runs from failures f
    where exists (from tokens t where t.run = f.run and t.kind = 'call_failed' and t.connection = f.connection)
    group by all
)
select t.connection as connection_id, count(*) as calls, count(*) filter (kind = 'call_failed') as failed,
    quantile_cont(latency_ms, 0.5) as p50_latency_ms, quantile_cont(latency_ms, 0.99) as p99_latency_ms,
    coalesce(any_value(e.runs), 0) as failures_explained
from tokens t left join explained e on e.connection = t.connection where kind like 'call%' group by all order by all
"""

# Brackets that are closed, by how; and those that are not, by the state of their run.
SUB_JOURNEYS = """
with opened as (select run, arg_max(journey, place) as sub_journey, count(*) as times from tokens where kind = 'sub_started' group by run),
closed as (
    select run, if(kind = 'ended_well', 'succeeded', 'failed') as outcome from tokens where ends and depth >= 0
),
all_of as (
    select run, outcome from closed
    union all
    select o.run, r.state from opened o join runs r using (run)
    where o.times > (select count(*) from closed c where c.run = o.run)
)
select r.journey, o.sub_journey, outcome, count(*) as passages, count(distinct run) as invocations
from all_of join opened o using (run) join runs r using (run) group by all order by all
"""

# Values whose runs succeed less often than the others of their journey, with at least 20 decided runs on each side.
CAUSES = """
with decided as (select * from runs where state <> 'open'),
totals as (select journey, count(*) as whole, count(*) filter (state = 'succeeded') as part from decided group by all),
counted as (
    select f.journey, dimension, value, count(*) as runs, count(*) filter (state = 'succeeded') as succeeded
    from features f join decided using (run) group by all
)
select c.journey, dimension, value, runs, succeeded, whole - runs as rest, part - succeeded as rest_succeeded
from counted c join totals t using (journey)
where runs >= 20 and rest >= 20 and succeeded / runs < rest_succeeded / rest order by all
"""

# From a run's start, each step takes its earliest completion that is not before the step in front of it. Starts and
# steps are all different, so no event can serve twice, and a run has one start, so one attempt at the funnel.
FUNNEL = """
with recursive reached as (
    select r.journey, t.run, 0 as level, t.at_ms as entry_ms, t.at_ms, null::bigint as from_previous_ms
    from tokens t join runs r using (run) where t.kind = 'started'
    union all
    select w.journey, w.run, w.level + 1, any_value(w.entry_ms), min(t.at_ms), min(t.at_ms) - any_value(w.at_ms)
    from reached w
    join funnel_steps f on f.journey = w.journey and f.level = w.level + 1
    join tokens t on t.run = w.run and t.kind = 'step_completed' and t.step = f.step
        and t.at_ms >= w.at_ms and t.at_ms <= w.entry_ms + getvariable('window_ms')
    group by w.journey, w.run, w.level
)
select journey, level, count(*) as reached, avg(from_previous_ms) as avg_ms,
    quantile_cont(from_previous_ms, 0.5) as median_ms
from reached group by all order by all
"""


def rows(db, query):
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def load():
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    db.execute(f"set variable idle_ms = {IDLE_MS}")
    db.execute(f"set variable window_ms = {WINDOW_MS}")
    db.execute(EVENTS, [str(SAMPLE)])
    for statement in (TOKENS, RUNS, ATTEMPTS, FAILURES, PASSAGES, FEATURES):
        db.execute(statement)
    for meaning, query in ASSUMPTIONS.items():
        (count,) = db.execute(query).fetchone()
        assert count == 0, f"{meaning}: {count} times not"
    db.execute("create table funnel_steps (journey text, level int, step text)")
    for journey, steps in FUNNELS.items():
        db.executemany("insert into funnel_steps values (?, ?, ?)", [(journey, i + 1, s) for i, s in enumerate(steps)])
    return db


def overview(db, by_version=False):
    quantiles = ", ".join(f"quantile_cont(duration_ms, {p / 100}) as p{p}_duration_ms" for p in (50, 90, 95, 99))
    group = "r.journey, r.version" if by_version else "grouping sets ((r.journey), ())"
    query = OVERVIEW.format(version="r.version," if by_version else "", quantiles=quantiles, group=group)
    return rows(db, query)


def funnels(db):
    reached = {(row["journey"], row["level"]): row for row in rows(db, FUNNEL)}
    answer = []
    for journey, steps in FUNNELS.items():
        levels = [reached.get((journey, level), {}) for level in range(len(steps) + 1)]
        answer.append({
            "journey": journey,
            "window_ms": WINDOW_MS,
            "steps": [{"activity": "journey_started"}]
            + [{"activity": "step_completed", "step_id": step, "outcome": "success"} for step in steps],
            "counts": [level.get("reached", 0) for level in levels],
            "avg_ms": [level.get("avg_ms") for level in levels],
            "median_ms": [level.get("median_ms") for level in levels],
        })
    return answer


def compute():
    db = load()
    (events, runs, first, last) = db.execute(
        "select count(*), count(distinct run), min(at_ms), max(at_ms) from events").fetchone()
    return {
        "events": events,
        "runs": runs,
        "first_ms": first,
        "as_of_ms": last,
        "idle_timeout_ms": IDLE_MS,
        "events_by_source": rows(db, "select source, count(*) as events from events group by all order by all"),
        "events_by_activity": rows(
            db, "select source, activity, count(*) as events from events group by all order by all"),
        "overview": overview(db),
        "overview_by_version": overview(db, by_version=True),
        "steps": rows(db, STEPS),
        "failures": rows(
            db, "select journey, failing_step, error_code, error_category, count(*) as failures"
            " from failures group by all order by all"),
        "funnels": funnels(db),
        "transitions": rows(db, TRANSITIONS),
        "variants": rows(db, VARIANTS),
        "durations": rows(db, DURATIONS),
        "causes": rows(db, CAUSES),
        "sub_journeys": rows(db, SUB_JOURNEYS),
        "external_calls": rows(db, CALLS),
        "verification_sessions": rows(
            db, "select count(distinct session) filter (activity = 'session_created') as created,"
            " count(distinct session) filter (activity = 'session_started') as started,"
            " count(distinct session) filter (activity = 'verification_completed') as completed"
            " from events where source = 'verify'")[0],
        "risk_recommendations": rows(
            db, "select params->>'$.recommendation.type' as recommendation, count(*) as events,"
            " count(*) / sum(count(*)) over () as share from events where source = 'risk' group by all order by all"),
    }


def main():
    text = json.dumps(compute(), indent=1) + "\n"
    if "--check" not in sys.argv[1:]:
        EXPECTED.write_text(text)
    elif EXPECTED.read_text() != text:
        sys.exit("expected.json is not what the sample gives")


if __name__ == "__main__":
    main()
