/** A line of a few values, drawn small; the numbers stand in the table of the same panel. */
export function Spark({ values, width = 96, height = 22 }: { values: number[]; width?: number; height?: number }) {
  if (values.length < 2) return <span class="faint">–</span>;
  const top = Math.max(...values, 1);
  const step = width / (values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`);
  return (
    <svg class="spark" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`from ${values[0]} to ${values.at(-1)}, at most ${top}`}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}
