// Why runs fail: by failing step and error, and which values of which dimension fail more than the rest.

import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { points, probability, title } from "../../format";
import { behind, runsLink } from "../../links";
import type { Cell, Row } from "../../api";
import type { ViewProps } from "../journey";

export function FailurePanels({ scope, query, zone }: ViewProps) {
  const byStep = { ...scope, by: ["failing_step", "error_code"], limit: 25 };
  const byStepUse = useReport("failures", byStep);
  const causes = { ...scope };
  const causesUse = useReport("causes", causes);
  const calls = { ...scope };
  const callsUse = useReport("calls", calls);
  const runs = (row: Row) => {
    const values: Record<string, Cell> = { state: "failed" };
    for (const name of ["failing_step", "error_code"]) values[name] = row[name] ?? null;
    return typeof row["other_rows"] === "number" ? null : runsLink(query, values);
  };
  const ofStep = (row: Row) =>
    row["failing_step"] === null ? null : runsLink(query, {}, [], null, behind.cause("step", row["failing_step"] ?? null));
  const ofCall = (name: string) => ({
    name,
    href: (row: Row) => (typeof row["other_rows"] === "number" ? null : runsLink(query, {}, [], null, behind.call(row["connection_id"] ?? null, name))),
  });
  return (
    <>
    <Panel title="Where runs failed, and with which error" name="failures" spec={byStep} use={byStepUse}>
      {(answer) => (
        <>
          <Table
            answer={answer}
            caption="Failures by step and error"
            zone={zone}
            columns={[
              "failing_step",
              "error_code",
              { name: "failures", href: runs },
              { name: "share_of_failures", bar: (row) => row["share_of_failures"] as number | null },
              { name: "failure_rate", title: "Failure rate at the step", parts: (row) => [runs(row), ofStep(row)] },
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
    <Panel
      title="What failing runs have in common"
      hint="Success of the runs with a value against that of the rest. q is the p-value adjusted for the number of comparisons."
      name="causes"
      spec={causes}
      use={causesUse}
    >
      {(answer) => (
        <>
          <Table
            answer={answer}
            caption="Causes"
            zone={zone}
            columns={[
              { name: "dimension", cell: (row) => title(String(row["dimension"])) },
              "value",
              { name: "runs", href: (row) => causeLink(query, row, DECIDED) },
              { name: "success_rate", parts: (row) => [causeLink(query, row, SUCCEEDED), causeLink(query, row, DECIDED)] },
              {
                name: "success_rate_of_rest",
                title: "Of the rest",
                parts: (row) => [causeLink(query, row, SUCCEEDED, true), causeLink(query, row, DECIDED, true)],
              },
              { name: "difference_in_rate", title: "Difference", kind: "rate", cell: (row) => points(row["difference_in_rate"]) },
              { name: "q_value", title: "q", kind: "count", cell: (row) => probability(row["q_value"]) },
              { name: "recoverable_runs", title: "Runs to win back" },
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
    <Panel title="External calls" name="calls" spec={calls} use={callsUse}>
      {(answer) => (
        <>
          <Table
            answer={answer}
            caption="External calls"
            zone={zone}
            columns={[
              "connection_id",
              "calls",
              { name: "failed", title: "Failed calls" },
              "error_rate",
              { ...ofCall("invocations"), title: "Runs" },
              { ...ofCall("invocations_with_failed"), title: "Runs with a failed call" },
              "p50_latency_ms",
              "p95_latency_ms",
              "p99_latency_ms",
              { ...ofCall("failures_explained"), title: "Failed runs it explains" },
              "share_of_failures",
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
    </>
  );
}

/** Runs of which it is known how they ended, or that nobody goes on with. */
const DECIDED = "state != open";
const SUCCEEDED = "state=succeeded";

/** The runs of a journey with a cause's value, or those that they are compared with. */
function causeLink(query: URLSearchParams, row: Row, state: string, rest = false): string {
  const number = behind.cause(row["dimension"] ?? null, row["value"] ?? null, rest);
  return runsLink(query, { journey_id: row["journey_id"] ?? null }, [state], null, number);
}
