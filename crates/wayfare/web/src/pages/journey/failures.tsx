// Why runs fail: by failing step and error, and which values of which dimension fail more than the rest.

import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { runsLink } from "../../links";
import type { Cell, Row } from "../../api";
import type { ViewProps } from "../journey";

export function FailurePanels({ scope, query, zone }: ViewProps) {
  const byStep = { ...scope, by: ["failing_step", "error_code"], limit: 25 };
  const byStepUse = useReport("failures", byStep);
  const runs = (row: Row) => {
    const values: Record<string, Cell> = { state: "failed" };
    for (const name of ["failing_step", "error_code"]) values[name] = row[name] ?? null;
    return row["is_other"] === true ? null : runsLink(query, values);
  };
  return (
    <Panel title="Where runs failed, and with which error" name="failures" spec={byStep} use={byStepUse} wide>
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
              { name: "failure_rate", title: "failure rate of runs that reached the step" },
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
  );
}
