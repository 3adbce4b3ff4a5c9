// The main line of a journey as a funnel, why runs left it, the runs behind a number, and each step of the journey.

import { useEffect, useRef } from "preact/hooks";

import type { Row, Spec } from "../../api";
import type { ChartHandle } from "../../charts/chart";
import { FunnelChart } from "../../charts/funnel";
import { label } from "../../format";
import { behind, runLink, runsLink } from "../../links";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";
import { address, changed, go } from "../../route";
import type { ViewProps } from "../journey";
import { DropOffs } from "./dropOffs";

/** Stands for all reasons why runs are lost. */
const ANY = "any";

/** Rows of the list behind a number; a download holds all. */
const LIST_ROWS = 20;

export function FunnelPanels({ route, scope, zone, query }: ViewProps) {
  const steps = route.query.getAll("step");
  const funnel = { ...scope, ...(steps.length ? { steps } : {}) };
  const dropOffs = { ...funnel, drop_offs: true };
  const stepsSpec = { ...scope };
  const use = useReport("funnel", funnel);
  const dropOffsUse = useReport("funnel", dropOffs);
  const stepsUse = useReport("steps", stepsSpec);
  const chart = useRef<ChartHandle | null>(null);
  // `3` for the runs that reached the third step, `3,abandoned` for those that were abandoned before it, `3,any` for all
  // that were lost before it
  const listed = route.query.get("list");
  const list = (step: number, dropOff?: string) =>
    address(route.path, changed(route.query, { list: dropOff ? `${step},${dropOff}` : String(step) }));
  const close = address(route.path, changed(route.query, { list: null }));
  const ofStep = (name: string) => ({
    name,
    href: (row: Row) => runsLink(query, {}, [], null, behind.step(row["step_id"] ?? null, name)),
  });
  return (
    <>
      <Panel
        title="How far runs get"
        hint="The steps that most runs take, in their order."
        name="funnel"
        spec={funnel}
        use={use}
        png={() => chart.current?.png("funnel")}
        room={520}
      >
        {(answer) => (
          <>
            <FunnelChart answer={answer} counted="runs" handle={chart} onBar={(step, lost) => go(list(step, lost ? ANY : undefined))} />
            <Table
              answer={answer}
              caption="Funnel"
              zone={zone}
              columns={[
                "step",
                "name",
                { name: "reached", href: (row: Row) => list(Number(row["step"])) },
                { name: "share_of_first", bar: (row) => row["share_of_first"] as number | null },
                "share_of_previous",
                { name: "drop_off", href: (row: Row) => list(Number(row["step"]), ANY) },
                "median_from_previous_ms",
                "p90_from_previous_ms",
                "median_from_first_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
      {listed && <ListPanel funnel={funnel} listed={listed} zone={zone} query={route.query} close={close} />}
      <Panel title="Why runs went no further" hint="What became of the runs that were lost before each step." name="funnel" spec={dropOffs} use={dropOffsUse}>
        {(answer) => <DropOffs answer={answer} href={list} />}
      </Panel>
      <Panel title="Steps" hint="Every step of the journey, and what became of the runs that reached it." name="steps" spec={stepsSpec} use={stepsUse}>
        {(answer) => (
          <>
            <Table
              answer={answer}
              caption="Steps"
              zone={zone}
              columns={[
                "step_id",
                ofStep("reached"),
                "attempts",
                "retries",
                { name: "completion_rate", bar: (row) => row["completion_rate"] as number | null },
                ...["completed", "first_try_completed", "failed_here", "abandoned_here", "open_here", "moved_on"].map(ofStep),
                "p50_duration_ms",
                "p95_duration_ms",
                "p50_wait_ms",
              ]}
            />
            <Notes answer={answer} />
          </>
        )}
      </Panel>
    </>
  );
}

interface ListProps {
  funnel: Spec;
  listed: string;
  zone: string;
  query: URLSearchParams;
  close: string;
}

/** The runs behind a number of the funnel, by the computation that counted them. */
function ListPanel({ funnel, listed, zone, query, close }: ListProps) {
  const [step = "", dropOff] = listed.split(",");
  // steps count from 0 in a spec
  const list = { step: Number(step) - 1, ...(dropOff ? { class: dropOff } : {}) };
  const spec = { ...funnel, list, limit: LIST_ROWS };
  const use = useReport("funnel", spec);
  const lost = `Runs lost before step ${step}`;
  const title = !dropOff ? `Runs that reached step ${step}` : dropOff === ANY ? lost : `${lost}: ${label(dropOff)}`;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), [listed]);
  return (
    <div ref={place}>
    <Panel title={title} name="funnel" spec={spec} use={use} room={LIST_ROWS * 32}>
      {(answer) => (
        <>
          <p class="faint total">
            {(answer.rows_total ?? answer.rows.length).toLocaleString("en")} runs · <a href={close}>close the list</a>
          </p>
          <Table
            answer={answer}
            caption="Runs behind the number"
            zone={zone}
            columns={[
              { name: "invocation_id", title: "Run", kind: "text", href: (row) => runLink(query, String(row["invocation_id"])) },
              { name: "entered_at", title: "Entered at" },
              { name: "reached_at", title: dropOff ? "Last step at" : "Reached at" },
              { name: "drop_off", title: "Lost as", cell: (row) => (row["drop_off"] ? label(String(row["drop_off"])) : "–") },
              { name: "level", title: "Steps done" },
            ]}
          />
          <Notes answer={{ ...answer, notes: [] }} />
        </>
      )}
    </Panel>
    </div>
  );
}
