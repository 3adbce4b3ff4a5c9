import type { ViewProps } from "../journey";

export function ComparePanels(_: ViewProps) {
  return null;
}
