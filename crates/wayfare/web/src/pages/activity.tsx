import type { Route } from "../route";

export function ActivityPage(_: { route: Route; source: string }) {
  return null;
}
