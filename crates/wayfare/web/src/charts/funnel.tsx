// The funnel: a column a step, what was lost before it drawn as a hatched ghost on top.

import { useCallback } from "preact/hooks";

import type { Report } from "../api";
import { count, duration, percent } from "../format";
import { Chart, tooltip, type ChartHandle, type Option, type Palette } from "./chart";

interface Props {
  answer: Report;
  /** What is counted, in the plural. */
  counted: string;
  handle: { current: ChartHandle | null };
}

export function FunnelChart({ answer, counted, handle }: Props) {
  const option = useCallback((colours: Palette) => funnelOption(answer, counted, colours), [answer, counted]);
  const steps = answer.rows.map((row) => `${String(row["name"])}: ${String(row["reached"])}`).join(", ");
  return <Chart label={`Funnel. ${steps}. The table below holds the numbers.`} height={300} option={option} handle={handle} />;
}

function funnelOption(answer: Report, counted: string, colours: Palette): Option {
  const rows = answer.rows;
  const number = (index: number, name: string) => Number(rows[index]?.[name] ?? 0);
  return {
    grid: { left: 46, right: 16, top: 34, bottom: 58 },
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
      type: "category",
      data: rows.map((row) => String(row["name"])),
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      axisLabel: { color: colours.text, interval: 0, width: 110, overflow: "break", lineHeight: 15 },
    },
    yAxis: { type: "value", splitLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.faint } },
    series: [
      {
        name: "reached",
        type: "bar",
        stack: "step",
        barMaxWidth: 84,
        itemStyle: { color: colours.accent, borderRadius: [3, 3, 0, 0] },
        data: rows.map((row) => row["reached"] as number),
      },
      {
        name: "lost before this step",
        type: "bar",
        stack: "step",
        barMaxWidth: 84,
        itemStyle: {
          color: colours.ghost,
          decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4, color: colours.line },
        },
        label: {
          show: true,
          position: "top",
          color: colours.text,
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const share = rows[dataIndex]?.["share_of_first"];
            return `${count(number(dataIndex, "reached"))}  ·  ${typeof share === "number" ? percent(share) : "–"}`;
          },
        },
        data: rows.map((row) => (row["drop_off"] as number | null) ?? 0),
      },
    ],
  };
}
