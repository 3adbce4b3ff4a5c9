// How runs go from step to step. A diagram of flows has no circles, so a passage back to an earlier step (a retry) ends
// in a node of its own, marked ↩.

import { useCallback } from "preact/hooks";

import type { Report, Row } from "../api";
import { count, duration, percent } from "../format";
import { Chart, tooltip, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

interface Props {
  answer: Report;
  handle: { current: ChartHandle | null };
  /** Opens the runs that reached a step. */
  onStep: (step: string) => void;
  /** Opens the runs that ended so; those that started, without a state. */
  onEnd: (state: string | null) => void;
  /** Opens the runs that make a transition. */
  onFlow: (row: Row) => void;
}

interface Link {
  source: string;
  target: string;
  value: number;
  row: Row;
}

export function PathsChart({ answer, handle, onStep, onEnd, onFlow }: Props) {
  const option = useCallback((colours: Palette) => pathsOption(answer, colours), [answer]);
  const steps = new Set(answer.rows.flatMap((row) => (row["from_kind"] === "step" ? [String(row["from"])] : [])));
  return (
    <Chart
      label="Paths from step to step as flows. The table below holds the numbers."
      height={heightOf(answer)}
      width={720}
      option={option}
      handle={handle}
      onClick={(item: ChartItem) => {
        const name = item.name.replace(/^↩ /, "");
        if (item.dataType === "node") {
          if (steps.has(name)) onStep(name);
          else if (name === "START") onEnd(null);
          else if (name.startsWith(END)) onEnd(name.slice(END.length));
        }
        if (item.dataType === "edge") onFlow((item.data as Link).row);
      }}
    />
  );
}

/** Ways back and ends stand in one column, each with a line of text. */
function heightOf(answer: Report): number {
  const ends = new Set(links(answer.rows).flatMap(({ target }) => (target.startsWith(BACK) || target.startsWith(END) ? [target] : [])));
  return Math.max(420, 26 * ends.size);
}

/** What stands before the step that a way leads back to. */
const BACK = "↩ ";

/** What stands before the state in the name of an end. */
const END = "END ";

/** The flows without circles: links that lead back go to a node of their own. */
export function links(rows: Row[]): Link[] {
  const next = new Map<string, Row[]>();
  for (const row of rows) {
    const from = String(row["from"]);
    next.set(from, [...(next.get(from) ?? []), row]);
  }
  const found: Link[] = [];
  const state = new Map<string, "open" | "done">();
  // depth first from the start, the most travelled way first; what leads to a node still open leads back
  const visit = (node: string) => {
    state.set(node, "open");
    for (const row of next.get(node) ?? []) {
      const to = String(row["to"]);
      const back = state.get(to) === "open";
      found.push({ source: node, target: back ? `${BACK}${to}` : to, value: Number(row["passages"]), row });
      if (!back && !state.has(to)) visit(to);
    }
    state.set(node, "done");
  };
  const entered = new Set(rows.map((row) => String(row["to"])));
  const roots = [...next.keys()].filter((node) => !entered.has(node));
  for (const node of [...roots, ...next.keys()]) if (!state.has(node)) visit(node);
  return found;
}

function colourOf(node: string, colours: Palette): string {
  if (node.startsWith(BACK)) return colours.rejected;
  if (node === "END succeeded") return colours.succeeded;
  if (node === "END failed") return colours.error;
  if (node === "END abandoned") return colours.abandoned;
  if (node === "END open") return colours.open;
  return colours.faint;
}

function pathsOption(answer: Report, colours: Palette): Option {
  const flows = links(answer.rows);
  const nodes = [...new Set(flows.flatMap((link) => [link.source, link.target]))];
  return {
    animation: false,
    tooltip: {
      ...tooltip(colours),
      formatter: (item) => {
        const data = (Array.isArray(item) ? item[0] : item)?.data as Partial<Link> & { name?: string };
        if (!data.row) return String(data.name ?? "");
        const { row } = data;
        return [
          `${String(row["from"])} → ${String(row["to"])}`,
          `${count(Number(row["passages"]))} passages, ${count(Number(row["invocations"]))} runs`,
          typeof row["share_of_from"] === "number" ? `${percent(row["share_of_from"])} of ${String(row["from"])}` : "",
          typeof row["median_ms"] === "number" ? `median ${duration(row["median_ms"])}` : "",
        ]
          .filter(Boolean)
          .join("\n");
      },
    },
    series: [
      {
        type: "sankey",
        left: 8,
        right: 130,
        top: 12,
        bottom: 12,
        nodeWidth: 12,
        nodeGap: 14,
        emphasis: { focus: "adjacency" },
        label: { color: colours.text, fontSize: 12, textBorderColor: colours.panel, textBorderWidth: 3 },
        lineStyle: { opacity: 0.26, curveness: 0.5 },
        data: nodes.map((name) => ({ name, itemStyle: { color: colourOf(name, colours), borderWidth: 0 } })),
        links: flows.map((flow) => ({ ...flow, lineStyle: { color: colourOf(flow.target, colours) } })) as never,
      },
    ],
  };
}
