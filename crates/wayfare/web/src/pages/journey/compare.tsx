// Two sets of runs side by side: what changed, how sure that is, and where it comes from.

import { useState } from "preact/hooks";

import type { Row } from "../../api";
import { duration, label, points, probability, signed, title } from "../../format";
import { Choose } from "../../parts/choose";
import { Notes, Panel, Trouble } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { ENDED, behind, runsLink, sideOf } from "../../links";
import { address, changed, go } from "../../route";
import { conditionsOf } from "../../scope";
import type { ViewProps } from "../journey";

const DIMENSIONS = ["platform", "country", "client_id", "os", "browser"];

export function ComparePanels({ route, scope, zone, journey }: ViewProps) {
  const versions = useReport("overview", { journey: [journey], by: ["journey_version"] });
  const known = (versions.answer?.rows ?? []).map((row) => String(row["journey_version"]));
  const side = (name: string, at: number) => {
    const chosen = route.query.getAll(name);
    const version = known.at(at);
    return chosen.length ? chosen : version ? [`version=${version}`] : [];
  };
  const [a, b] = [side("a", -2), side("b", -1)];
  const chosen = ["a", "b"].filter((name) => route.query.has(name)).length;
  const by = route.query.get("split") ?? "platform";
  const ready = a.length > 0 && b.length > 0 && a.join() !== b.join();
  const spec = ready ? { ...scope, a, b } : null;
  const split = ready ? { ...scope, a, b, by: [by] } : null;
  const use = useReport("compare", spec);
  const splitUse = useReport("compare", split);
  const set = (changes: Record<string, string[] | string>) => go(address(route.path, changed(route.query, changes)));
  return (
    <>
      <form class="filters" aria-label="What is compared" onSubmit={(event) => event.preventDefault()}>
        <Side name="Baseline (a)" value={a} known={known} set={(value) => set({ a: value })} />
        <Side name="Compared (b)" value={b} known={known} set={(value) => set({ b: value })} />
      </form>
      {chosen < 2 && versions.asked.state === "failed" && <Trouble problem={versions.asked.problem} retry={versions.retry} />}
      {!ready && (versions.asked.state === "ready" || chosen === 2) && (
        <div class="empty">
          <p>
            Choose two sides, such as <code>version=2</code> and <code>version=3</code>, or <code>from=2026-03-01, to=2026-03-08</code> and{" "}
            <code>from=2026-03-08</code>.
          </p>
        </div>
      )}
      {ready && (
        <>
          <Panel title="What changed" hint={`${b.join(", ")} against ${a.join(", ")}`} name="compare" spec={spec} use={use}>
            {(answer) => (
              <>
                <Table
                  answer={answer}
                  caption="Comparison"
                  zone={zone}
                  columns={[
                    { name: "metric", cell: metric },
                    ...(answer.rows.some((row) => row["change"] !== null) ? [{ name: "change", title: "In the journey" }] : []),
                    { name: "a_rate", title: "Baseline (a)", parts: ofMetric(sideOf(route.query, a)) },
                    { name: "b_rate", title: "Compared (b)", parts: ofMetric(sideOf(route.query, b)) },
                    { name: "difference_in_rate", title: "Difference", kind: "rate", cell: (row) => points(row["difference_in_rate"]) },
                    { name: "difference_in_rate_from", title: "95 % interval", kind: "rate", cell: rateInterval },
                    { name: "q_value", title: "q", kind: "count", cell: (row) => probability(row["q_value"]) },
                    { name: "a_median_ms", title: "Median of a" },
                    { name: "b_median_ms", title: "Median of b" },
                    { name: "difference_in_median_ms", title: "Difference", kind: "duration", cell: (row) => time(row["difference_in_median_ms"]) },
                    { name: "difference_in_median_from_ms", title: "95 % interval", kind: "duration", cell: medianInterval },
                  ]}
                />
                <Notes answer={answer} />
              </>
            )}
          </Panel>
          <Panel
            title="Where the change of the success rate comes from"
            name="compare"
            spec={split}
            use={splitUse}
            tools={
              <Choose
                label="Split by"
                options={DIMENSIONS.map((name): [string, string] => [name, label(name)])}
                chosen={by}
                set={(split) => set({ split })}
              />
            }
          >
            {(answer) => (
              <>
                <Table
                  answer={answer}
                  caption="Decomposition of the change"
                  zone={zone}
                  columns={[
                    by,
                    { name: "share_of_a_runs", title: "Share of a" },
                    { name: "share_of_b_runs", title: "Share of b" },
                    { name: "a_success_rate_of_started", title: "Success in a", parts: ofCell(sideOf(route.query, a), by) },
                    { name: "b_success_rate_of_started", title: "Success in b", parts: ofCell(sideOf(route.query, b), by) },
                    { name: "mix_effect", title: "By mix", kind: "rate", cell: (row) => points(row["mix_effect"]) },
                    { name: "rate_effect", title: "By rate", kind: "rate", cell: (row) => points(row["rate_effect"]) },
                  ]}
                />
                <Notes answer={answer} />
              </>
            )}
          </Panel>
        </>
      )}
    </>
  );
}

/** Runs of which it is known how they ended, or that nobody goes on with. */
const DECIDED = "state != open";

/** What the runs have in common that a metric divides from, and by. */
const METRICS: Record<string, [string, string]> = {
  completion_rate: ["state=succeeded", ENDED],
  success_rate_of_started: ["state=succeeded", DECIDED],
  rejected_share: ["failure=rejected", ENDED],
  error_share: ["failure=error", ENDED],
  abandoned_share: ["state=abandoned", DECIDED],
};

/** A metric, and beneath it the step it is of. */
function metric(row: Row) {
  return (
    <>
      {title(String(row["metric"]))}
      {row["step_id"] !== null && <span class="beneath">{String(row["step_id"])}</span>}
    </>
  );
}

/** The runs of one side behind a metric of it. */
function ofMetric(side: URLSearchParams): (row: Row) => [string | null, string | null] {
  return (row) => {
    if (row["metric"] === "step_completion") {
      const runs = (column: string) =>
        runsLink(side, { journey_id: row["journey_id"] ?? null }, [], null, behind.step(row["step_id"] ?? null, column));
      return [runs("completed"), runs("reached")];
    }
    const conditions = METRICS[String(row["metric"])];
    if (!conditions) return [null, null];
    const [numerator, denominator] = conditions.map((condition) => runsLink(side, {}, [condition]));
    return [numerator ?? null, denominator ?? null];
  };
}

/** The runs of one side with a value of the dimension that the change is split by. */
function ofCell(side: URLSearchParams, by: string): (row: Row) => [string | null, string | null] {
  const runs = (row: Row, condition: string) => runsLink(side, { [by]: row[by] ?? null }, [condition]);
  return (row) => [runs(row, "state=succeeded"), runs(row, DECIDED)];
}

/** One side: a version from the list, or any conditions. */
function Side({ name, value, known, set }: { name: string; value: string[]; known: string[]; set: (value: string[]) => void }) {
  const [text, write] = useState<string | null>(null);
  const done = () => {
    if (text !== null) set(conditionsOf(text));
    write(null);
  };
  const list = `sides-${name.replaceAll(" ", "-")}`;
  return (
    <label>
      {name}
      <input
        type="text"
        list={list}
        value={text ?? value.join(", ")}
        onInput={(event) => write(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === "Enter" && done()}
      />
      <datalist id={list}>
        {known.map((version) => (
          <option value={`version=${version}`} />
        ))}
      </datalist>
    </label>
  );
}

const isNumber = (value: unknown): value is number => typeof value === "number";

function time(value: unknown): string {
  return isNumber(value) ? signed(value, duration) : "–";
}

function rateInterval(row: Row): string {
  const low = points(row["difference_in_rate_from"]);
  return low === "–" ? low : `${low.replace(" pt", "")} to ${points(row["difference_in_rate_to"])}`;
}

function medianInterval(row: Row): string {
  const low = time(row["difference_in_median_from_ms"]);
  return low === "–" ? low : `${low} to ${time(row["difference_in_median_to_ms"])}`;
}
