// The logs: what users did, what administrators changed, verification, risk. Filter, search, count, open, take away.

import type { Spec } from "../api";
import type { Route } from "../route";
import { LogPanel } from "./activity/log";
import { RiskPanels } from "./activity/risk";
import { VerificationPanels } from "./activity/verification";

export function ActivityPage({ route, source }: { route: Route; source: string }) {
  const range: Spec = {};
  for (const key of ["from", "to", "tz"]) {
    const value = route.query.get(key);
    if (value) range[key] = value;
  }
  const where = route.query.getAll("where");
  if (where.length) range["where"] = where;
  const zone = route.query.get("tz") ?? "UTC";
  return (
    <>
      {source === "verify" && <VerificationPanels route={route} range={range} zone={zone} />}
      {source === "risk" && <RiskPanels query={route.query} range={range} zone={zone} />}
      <LogPanel route={route} source={source} range={range} zone={zone} />
    </>
  );
}
