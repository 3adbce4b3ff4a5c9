// One journey: how far runs get, its steps, why it fails, its paths, its durations, compared with another version.

import type { Route } from "../route";
import { address, changed } from "../route";
import { scopeSpec } from "../scope";
import { ComparePanels } from "./journey/compare";
import { DurationPanels } from "./journey/durations";
import { FailurePanels } from "./journey/failures";
import { FunnelPanels } from "./journey/funnel";
import { PathPanels } from "./journey/paths";
import type { Spec } from "../api";

const VIEWS: [string, string][] = [
  ["funnel", "Funnel and steps"],
  ["failures", "Failures"],
  ["paths", "Paths"],
  ["durations", "Durations and times"],
  ["compare", "Compare"],
];

/** What each view of the page gets. */
export interface ViewProps {
  route: Route;
  journey: string;
  scope: Spec;
  zone: string;
  /** The query of the page, for links to runs. */
  query: URLSearchParams;
}

export function JourneyPage({ route, journey }: { route: Route; journey: string }) {
  const view = route.query.get("view") ?? "funnel";
  const props: ViewProps = {
    route,
    journey,
    scope: scopeSpec(route.query),
    zone: route.query.get("tz") ?? "UTC",
    query: route.query,
  };
  return (
    <>
      <nav class="views" aria-label="Views of the journey">
        {VIEWS.map(([name, title]) => (
          <a
            href={address(route.path, changed(route.query, { view: name === "funnel" ? null : name, step: null, list: null, page: null }))}
            aria-current={view === name ? "page" : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
      {view === "funnel" && <FunnelPanels {...props} />}
      {view === "failures" && <FailurePanels {...props} />}
      {view === "paths" && <PathPanels {...props} />}
      {view === "durations" && <DurationPanels {...props} />}
      {view === "compare" && <ComparePanels {...props} />}
    </>
  );
}
