// The funnel: a column a step, what was lost before it drawn as a hatched ghost on top.

import { useCallback } from "preact/hooks";

import type { Report } from "../api";
import { count, duration, percent } from "../format";
import { Chart, categories, tooltip, values as scale, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

interface Props {
  answer: Report;
  /** What is counted, in the plural. */
  counted: string;
  handle: { current: ChartHandle | null };
  /** Opens the list behind a bar: what reached the step, or what was lost before it. */
  onBar?: (step: number, lost: boolean) => void;
}

export function FunnelChart({ answer, counted, handle, onBar }: Props) {
  const option = useCallback((colours: Palette) => funnelOption(answer, counted, colours), [answer, counted]);
  const steps = answer.rows.map((row) => `${String(row["name"])}: ${String(row["reached"])}`).join(", ");
  return <Chart label={`Funnel. ${steps}. The table below holds the numbers.`} height={320} width={56 + columnOf(answer) * answer.rows.length} option={option} handle={handle} {...(onBar ? { onClick: (item: ChartItem) => onBar(item.dataIndex + 1, item.seriesName === LOST) } : {})} />;
}

/** Pixels of a column and the name beneath it. */
const columnOf = (answer: Report): number => (answer.rows.length > 8 ? 92 : 120);

/** Pixels of a letter of a name, roughly. */
const LETTER_PX = 7.5;

/** A name in lines of at most so many letters, as far as its words go; the words of an id end at `_`, `-` and `.`. */
function inLines(name: string, letters: number): string {
  const lines: string[] = [];
  for (const word of name.split(/(?<=[\s_.-])/)) {
    const last = lines.at(-1);
    if (last !== undefined && (last + word).trimEnd().length <= letters) lines[lines.length - 1] = last + word;
    else lines.push(word);
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

const LOST = "lost before this step";

function funnelOption(answer: Report, counted: string, colours: Palette): Option {
  const rows = answer.rows;
  const number = (index: number, name: string) => Number(rows[index]?.[name] ?? 0);
  return {
    grid: { left: 52, right: 4, top: 40, bottom: 44 },
    tooltip: {
      ...tooltip(colours),
      trigger: "axis",
      axisPointer: { type: "shadow" },
      formatter: (items) => {
        const index = (Array.isArray(items) ? items[0] : items)?.dataIndex ?? 0;
        const row = rows[index] ?? {};
        const median = row["median_from_previous_ms"];
        return [
          String(row["name"]),
          `${count(number(index, "reached"))} ${counted}`,
          typeof row["share_of_first"] === "number" ? `${percent(row["share_of_first"])} of the first step` : "",
          index > 0 && typeof row["share_of_previous"] === "number" ? `${percent(row["share_of_previous"])} of the step before` : "",
          index > 0 ? `${count(number(index, "drop_off"))} lost before it` : "",
          index > 0 && typeof median === "number" ? `median ${duration(median)} from the step before` : "",
        ]
          .filter(Boolean)
          .join("\n");
      },
    },
    xAxis: {
      ...categories(colours, rows.map((row) => String(row["name"]))),
      axisLabel: { color: colours.text, interval: 0, width: columnOf(answer) - 8, overflow: "break", lineHeight: 15, formatter: (name: string) => inLines(name, columnOf(answer) / LETTER_PX) },
    },
    yAxis: scale(colours),
    series: [
      {
        name: "reached",
        type: "bar",
        stack: "step",
        barMaxWidth: 96,
        itemStyle: { color: colours.accent },
        data: rows.map((row) => row["reached"] as number),
      },
      {
        name: LOST,
        type: "bar",
        stack: "step",
        barMaxWidth: 96,
        itemStyle: {
          color: colours.ghost,
          borderRadius: [3, 3, 0, 0],
          decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4, color: colours.line },
        },
        label: {
          show: true,
          position: "top",
          color: colours.text,
          lineHeight: 16,
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const share = rows[dataIndex]?.["share_of_first"];
            return `${count(number(dataIndex, "reached"))}\n${typeof share === "number" ? percent(share) : "–"}`;
          },
        },
        data: rows.map((row) => (row["drop_off"] as number | null) ?? 0),
      },
    ],
  };
}
