// What is wrong with the events, and how far each of it could move the completion rate.

import type { Row } from "../api";
import { behind, runLink, runsLink } from "../links";
import { title } from "../format";
import { Notes, Panel } from "../parts/panel";
import { RowList } from "../parts/rowList";
import { Table } from "../parts/table";
import { useReport } from "../parts/useReport";
import { address, changed, type Route } from "../route";
import { scopeSpec } from "../scope";

export function QualityPage({ route }: { route: Route }) {
  const spec = scopeSpec(route.query);
  const use = useReport("quality", spec);
  const { query } = route;
  const zone = query.get("tz") ?? "UTC";
  const issue = query.get("issue");
  /** Runs have a page of their own, events and lines stand beneath. */
  const listOf = (row: Row) => {
    const issue = String(row["issue"]);
    return row["unit"] === "runs" ? runsLink(query, {}, [], null, behind.issue(issue)) : address(route.path, changed(query, { issue, page: null }));
  };
  return (
    <>
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
            zone={zone}
            columns={[
              "issue",
              { name: "count", href: listOf },
              { name: "of", title: "Of all", cell: (row) => `of ${Number(row["of"]).toLocaleString("en")} ${String(row["unit"])}` },
              "share",
              { name: "completion_rate_at_worst", title: "Completion at worst" },
              { name: "completion_rate_at_best", title: "Completion at best" },
              { name: "example", href: (row) => (row["unit"] === "runs" ? runLink(query, String(row["example"])) : null) },
            ]}
          />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
      {issue && (
        <RowList
          route={route}
          title={title(issue)}
          noun={issue.startsWith("rejected line") ? "lines" : "events"}
          report="quality"
          spec={{ ...spec, list: issue }}
          zone={zone}
          opened="issue"
        />
      )}
    </>
  );
}
