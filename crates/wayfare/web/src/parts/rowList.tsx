// What is behind a number, page by page, beneath the panel that counts it.

import { useEffect, useRef } from "preact/hooks";

import type { Spec } from "../api";
import { count } from "../format";
import { address, changed, type Route } from "../route";
import { Pages } from "./pages";
import { Notes, Panel } from "./panel";
import { Table, type Column } from "./table";
import { useReport } from "./useReport";

/** Rows of a page; a download holds all. */
const ROWS = 20;

interface Props {
  route: Route;
  title: string;
  /** What a row is, in the plural. */
  noun: string;
  report: string;
  spec: Spec;
  columns?: (string | Column)[];
  zone: string;
  /** What of the address says which list is open; taken off to close it. */
  opened: string;
}

export function RowList({ route, title, noun, report, spec, columns, zone, opened }: Props) {
  const { query } = route;
  const after = query.get("page");
  const whole = { ...spec, limit: ROWS };
  const use = useReport(report, { ...whole, ...(after ? { after } : {}) });
  const place = useRef<HTMLDivElement>(null);
  const listed = query.get(opened);
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), [listed]);
  const to = (changes: Record<string, string | null>) => address(route.path, changed(query, changes));
  return (
    <div ref={place}>
      <Panel title={title} name={report} spec={whole} use={use} room={ROWS * 32}>
        {(answer) => (
          <>
            <p class="faint total">
              {count(answer.rows_total ?? answer.rows.length)} {noun} · <a href={to({ [opened]: null, page: null })}>close the list</a>
            </p>
            <Table answer={answer} caption="Behind the number" zone={zone} {...(columns ? { columns } : {})} />
            <Notes answer={{ ...answer, notes: [], rows_total: answer.rows.length }} />
            <Pages first={after && to({ page: null })} next={answer.next && to({ page: answer.next })} />
          </>
        )}
      </Panel>
    </div>
  );
}
