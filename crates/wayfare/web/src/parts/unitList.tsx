// The units behind a number of a funnel, page by page, by the computation that counted them.

import type { Spec } from "../api";
import { label } from "../format";
import { address, changed, type Route } from "../route";
import { RowList } from "./rowList";
import type { Column } from "./table";

/** Stands for all reasons why units are lost. */
export const ANY = "any";

/** What a funnel counts. */
export interface Units {
  /** In the plural. */
  noun: string;
  /** The column that tells them apart. */
  id: Column;
  /** Where one of them leads. */
  open: (id: string, query: URLSearchParams) => string;
}

/**
 * The same page with the list of those that reached a step, counted from 1, or that were lost before it. In the address
 * it is `3` for the former, `3,abandoned` for those that were abandoned, `3,any` for all that were lost.
 */
export function listLink(route: Route, step: number, dropOff?: string): string {
  return address(route.path, changed(route.query, { list: dropOff ? `${step},${dropOff}` : String(step), ended: null, page: null }));
}

interface Props {
  route: Route;
  funnel: Spec;
  listed: string;
  zone: string;
  units: Units;
}

export function UnitList({ route, funnel, listed, zone, units }: Props) {
  const { query } = route;
  const [step = "", dropOff] = listed.split(",");
  // steps count from 0 in a spec
  const list = { step: Number(step) - 1, ...(dropOff ? { class: dropOff } : {}) };
  const noun = units.noun.charAt(0).toUpperCase() + units.noun.slice(1);
  const lost = `${noun} lost before step ${step}`;
  return (
    <RowList
      route={route}
      title={!dropOff ? `${noun} that reached step ${step}` : dropOff === ANY ? lost : `${lost}: ${label(dropOff)}`}
      noun={units.noun}
      report="funnel"
      spec={{ ...funnel, list }}
      zone={zone}
      opened="list"
      columns={[
        { ...units.id, href: (row) => units.open(String(row[units.id.name]), query) },
        { name: "entered_at", title: "Entered at" },
        { name: "reached_at", title: dropOff ? "Last step at" : "Reached at" },
        { name: "drop_off", title: "Lost as", cell: (row) => (row["drop_off"] ? label(String(row["drop_off"])) : "–") },
        { name: "level", title: "Steps done" },
      ]}
    />
  );
}
