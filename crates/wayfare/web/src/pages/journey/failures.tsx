// Why runs fail: by failing step and error, and which values of which dimension fail more than the rest.

import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { points, probability, title } from "../../format";
import { runsLink } from "../../links";
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
              { name: "failure_rate", title: "Failure rate at the step" },
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
              { name: "runs", href: (row) => causeLink(query, row) },
              "success_rate",
              { name: "success_rate_of_rest", title: "Of the rest" },
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
              "failed",
              "error_rate",
              "p50_latency_ms",
              "p95_latency_ms",
              "p99_latency_ms",
              { name: "failures_explained", title: "Failed runs it explains" },
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

/** The decided runs with a cause's value, where it is a column of runs. */
function causeLink(query: URLSearchParams, row: Row): string | null {
  const dimension = String(row["dimension"]);
  return RUN_COLUMNS.includes(dimension) ? runsLink(query, { [dimension]: row["value"] ?? null }, ["state != open"]) : null;
}

const RUN_COLUMNS = ["journey_version", "client_id", "app_id", "platform", "os", "browser", "country"];
