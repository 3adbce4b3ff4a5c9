// ECharts behind one component: modules by name, colours from the style sheet, text drawn on the canvas (the content
// security policy allows no inline styles, so tooltips are no HTML either).

import { BarChart, HeatmapChart, LineChart, SankeyChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkAreaComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { ComposeOption } from "echarts/core";
import type { BarSeriesOption, HeatmapSeriesOption, LineSeriesOption, SankeySeriesOption } from "echarts/charts";
import type { GridComponentOption, LegendComponentOption, TooltipComponentOption, VisualMapComponentOption } from "echarts/components";
import { useEffect, useRef } from "preact/hooks";

import { useTheme } from "../parts/theme";

use([BarChart, LineChart, SankeyChart, HeatmapChart, GridComponent, TooltipComponent, LegendComponent, VisualMapComponent, MarkAreaComponent, AriaComponent, CanvasRenderer]);

export type Option = ComposeOption<
  | BarSeriesOption
  | LineSeriesOption
  | SankeySeriesOption
  | HeatmapSeriesOption
  | GridComponentOption
  | TooltipComponentOption
  | LegendComponentOption
  | VisualMapComponentOption
>;

export interface Palette {
  text: string;
  faint: string;
  line: string;
  panel: string;
  accent: string;
  ghost: string;
  soft: string;
  succeeded: string;
  rejected: string;
  error: string;
  abandoned: string;
  open: string;
  font: string;
}

function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read("text"),
    faint: read("faint"),
    line: read("line"),
    panel: read("panel"),
    accent: read("accent"),
    ghost: read("ghost"),
    soft: read("soft"),
    succeeded: read("succeeded"),
    rejected: read("rejected"),
    error: read("error"),
    abandoned: read("abandoned"),
    open: read("open"),
    font: style.fontFamily,
  };
}

/** Lets the panel that holds a chart save it as a picture. */
export interface ChartHandle {
  png: (name: string) => void;
}

/** What was clicked in a chart. */
export interface ChartItem {
  name: string;
  dataIndex: number;
  seriesName: string;
  dataType: string;
  /** The item as the option has it. */
  data: unknown;
}

interface Props {
  /** What the chart shows, for those who do not see it; the table beside it holds the numbers. */
  label: string;
  height: number;
  /** Pixels that it needs; on a narrower screen it is scrolled. */
  width?: number;
  option: (palette: Palette) => Option;
  onClick?: (item: ChartItem) => void;
  handle?: { current: ChartHandle | null };
}

export function Chart({ label, height, width, option, onClick, handle }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const theme = useTheme();
  const clicked = useRef(onClick);
  clicked.current = onClick;

  useEffect(() => {
    if (!place.current) return;
    const drawn = init(place.current, null, { renderer: "canvas" });
    chart.current = drawn;
    drawn.on("click", (item) =>
      clicked.current?.({
        name: item.name,
        dataIndex: item.dataIndex,
        seriesName: item.seriesName ?? "",
        dataType: (item as { dataType?: string }).dataType ?? "",
        data: item.data,
      }),
    );
    if (handle) {
      handle.current = {
        png: (name) => {
          const link = document.createElement("a");
          link.href = drawn.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: palette().panel });
          link.download = `${name}.png`;
          link.click();
        },
      };
    }
    const watch = new ResizeObserver(() => drawn.resize());
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      drawn.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const colours = palette();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    chart.current?.setOption(
      {
        animation: !still,
        animationDuration: 250,
        textStyle: { fontFamily: colours.font, color: colours.text },
        ...option(colours),
      },
      { notMerge: true },
    );
  }, [option, theme]);

  const size = { height: `${height}px`, ...(width ? { minWidth: `${width}px` } : {}) };
  const drawing = <div ref={place} class="chart" role="img" aria-label={label} style={size} />;
  if (!width) return drawing;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Chart">
      {drawing}
    </div>
  );
}

/** A legend above the chart, from the left. */
export const LEGEND = { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 16 };

/** The sign of a line in a legend. */
export const LINE_ICON = "path://M0 4h12v2H0z";

/** An axis of names. */
export const categories = (colours: Palette, names: string[]) => ({
  type: "category" as const,
  data: names,
  axisLine: { lineStyle: { color: colours.line } },
  axisTick: { show: false },
});

/** An axis of counts. */
export const values = (colours: Palette) => ({
  type: "value" as const,
  minInterval: 1,
  splitLine: { lineStyle: { color: colours.line } },
  axisLabel: { color: colours.faint },
});

/** A tooltip in the colours of the page. */
export function tooltip(colours: Palette): TooltipComponentOption {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: colours.panel,
    borderColor: colours.line,
    textStyle: { color: colours.text, fontSize: 12 },
  };
}
