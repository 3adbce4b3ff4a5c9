import { useCallback } from "preact/hooks";

import type { Report, Row } from "../api";
import { count, label } from "../format";
import { Chart, tooltip, type ChartHandle, type ChartItem, type Option, type Palette } from "./chart";

export const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

interface Props {
  answer: Report;
  metric: string;
  handle: { current: ChartHandle | null };
  /** Opens the runs of a cell. */
  onCell: (row: Row) => void;
}

/** A number for each hour of each weekday, in the chosen zone. */
export function HeatChart({ answer, metric, handle, onCell }: Props) {
  const option = useCallback((colours: Palette) => heatOption(answer, metric, colours), [answer, metric]);
  const open = (item: ChartItem) => {
    const row = answer.rows[item.dataIndex];
    if (row) onCell(row);
  };
  return <Chart label={`${label(metric)} by weekday and hour. The table below holds the numbers.`} height={270} option={option} handle={handle} onClick={open} />;
}

function heatOption(answer: Report, metric: string, colours: Palette): Option {
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
  const cells = answer.rows.map((row) => [
    hours.indexOf(String(row["hour_of_day"]).slice(0, 2)),
    WEEKDAYS.indexOf(String(row["weekday"]).replace(/^\d\s*/, "")),
    Number(row[metric] ?? 0),
  ]);
  const most = Math.max(1, ...cells.map((cell) => cell[2] ?? 0));
  return {
    grid: { left: 84, right: 4, top: 8, bottom: 52 },
    tooltip: {
      ...tooltip(colours),
      formatter: (item) => {
        const [hour = 0, day = 0, value = 0] = ((Array.isArray(item) ? item[0] : item)?.data ?? []) as number[];
        return `${WEEKDAYS[day]} ${hours[hour]}:00\n${count(value)} ${label(metric)}`;
      },
    },
    xAxis: { type: "category", data: hours, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: colours.faint } },
    yAxis: { type: "category", data: WEEKDAYS, inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: colours.faint } },
    visualMap: {
      min: 0,
      max: most,
      orient: "horizontal",
      left: 84,
      bottom: 0,
      text: [count(most), "0"],
      itemHeight: 120,
      itemWidth: 10,
      textStyle: { color: colours.faint },
      inRange: { color: [colours.ghost, metric === "started" ? colours.accent : metric === "failed" ? colours.error : colours.abandoned] },
    },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: colours.panel, borderWidth: 2, borderRadius: 3 } }],
  };
}
