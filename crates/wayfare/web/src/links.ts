// Where numbers lead: the list of the runs that they count.

import { condition } from "./scope";
import { address, changed, scopeOf } from "./route";
import type { Cell } from "./api";

/** The condition of the runs that the vendor's page counts. */
export const ENDED = "state in (succeeded, failed)";

/** The list of runs with these values, for which these conditions hold, too, inside the scope that is looked at. */
export function runsLink(query: URLSearchParams, values: Record<string, Cell>, conditions: string[] = []): string {
  const scope = scopeOf(query);
  const where = [...scope.getAll("where"), ...conditions];
  const changes: Record<string, string | string[] | null> = {};
  for (const [column, value] of Object.entries(values)) {
    if (column === "journey_id" && value !== null) changes["journey"] = String(value);
    else if (column === "journey_version" && value !== null) changes["version"] = String(value);
    else where.push(condition(column, value));
  }
  changes["where"] = where;
  return address(["invocations"], changed(scope, changes));
}

/** The page of one journey. */
export function journeyLink(query: URLSearchParams, journey: string): string {
  return address(["journey"], changed(scopeOf(query), { journey }));
}
