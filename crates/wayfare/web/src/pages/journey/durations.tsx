import type { ViewProps } from "../journey";

export function DurationPanels(_: ViewProps) {
  return null;
}
