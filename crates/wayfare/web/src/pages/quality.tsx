import type { Route } from "../route";

export function QualityPage(_: { route: Route }) {
  return null;
}
