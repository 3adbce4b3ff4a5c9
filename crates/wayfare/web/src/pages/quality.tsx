// What is wrong with the events, and how far each of it could move the completion rate.

import { behind, runLink, runsLink } from "../links";
import { Notes, Panel } from "../parts/panel";
import { Table } from "../parts/table";
import { useReport } from "../parts/useReport";
import type { Route } from "../route";
import { scopeSpec } from "../scope";

export function QualityPage({ route }: { route: Route }) {
  const spec = scopeSpec(route.query);
  const use = useReport("quality", spec);
  return (
    <Panel
      title="What is wrong with the events"
      hint="At worst and at best: the completion rate if every run concerned had in truth failed, or succeeded."
      name="quality"
      spec={spec}
      use={use}
    >
      {(answer) => (
        <>
          <Table
            answer={answer}
            caption="Data quality"
            faded={(row) => row["count"] === 0}
            zone={route.query.get("tz") ?? "UTC"}
            columns={[
              "issue",
              { name: "count", href: (row) => (row["unit"] === "runs" ? runsLink(route.query, {}, [], null, behind.issue(row["issue"] ?? null)) : null) },
              { name: "of", title: "Of all", cell: (row) => `of ${Number(row["of"]).toLocaleString("en")} ${String(row["unit"])}` },
              "share",
              { name: "completion_rate_at_worst", title: "Completion at worst" },
              { name: "completion_rate_at_best", title: "Completion at best" },
              { name: "example", href: (row) => (row["unit"] === "runs" ? runLink(route.query, String(row["example"])) : null) },
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
  );
}
