import type { ViewProps } from "../journey";

export function PathPanels(_: ViewProps) {
  return null;
}
