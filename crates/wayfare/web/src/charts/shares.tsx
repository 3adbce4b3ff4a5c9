import { useCallback } from "preact/hooks";

import type { Report, Row } from "../api";
import { axisDate, count } from "../format";
import { Chart, LEGEND, categories, tooltip, values as scale, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

export const RECOMMENDATIONS = ["trust", "allow", "challenge", "deny", "other"] as const;

interface Props {
  answer: Report;
  interval: string;
  handle: { current: ChartHandle | null };
  /** Opens the events of a bar. */
  onBar: (row: Row, type: string) => void;
}

/** Recommendations over time, stacked by type. */
export function SharesChart({ answer, interval, handle, onBar }: Props) {
  const option = useCallback((colours: Palette) => sharesOption(answer, interval, colours), [answer, interval]);
  const open = (item: ChartItem) => {
    const row = answer.rows[item.dataIndex];
    if (row && item.seriesName) onBar(row, item.seriesName);
  };
  return <Chart onClick={open} label={`Recommendations by ${interval} and type. The table below holds the numbers.`} height={240} option={option} handle={handle} />;
}

function sharesOption(answer: Report, interval: string, colours: Palette): Option {
  const colour: Record<string, string> = {
    trust: colours.succeeded,
    allow: colours.soft,
    challenge: colours.rejected,
    deny: colours.error,
  };
  // there is nothing else as long as the platform adds no type
  const shown = RECOMMENDATIONS.filter((name) => name !== "other" || answer.rows.some((row) => Number(row[name]) > 0));
  return {
    grid: { left: 46, right: 4, top: 36, bottom: 24 },
    legend: { ...LEGEND, textStyle: { color: colours.faint } },
    tooltip: { ...tooltip(colours), trigger: "axis", valueFormatter: (value) => (typeof value === "number" ? count(value) : "–") },
    xAxis: {
      ...categories(colours, answer.rows.map((row) => String(row[interval] ?? ""))),
      axisLabel: { color: colours.faint, hideOverlap: true, formatter: (text: string) => axisDate(text, interval) },
    },
    yAxis: scale(colours),
    series: shown.map((name) => ({
      name,
      type: "bar" as const,
      stack: "all",
      barCategoryGap: "22%",
      itemStyle: { color: colour[name] ?? colours.faint },
      data: answer.rows.map((row) => row[name] as number),
    })),
  };
}
