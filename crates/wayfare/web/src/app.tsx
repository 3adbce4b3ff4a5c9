// The frame around every page: name, navigation, freshness, filters.

import { useEffect } from "preact/hooks";

import { Problem } from "./api";
import { ActivityPage } from "./pages/activity";
import { InvocationsPage } from "./pages/invocations";
import { JourneyPage } from "./pages/journey";
import { JourneysPage } from "./pages/journeys";
import { QualityPage } from "./pages/quality";
import { Filters } from "./parts/filters";
import { Freshness } from "./parts/freshness";
import { SignIn } from "./parts/signin";
import { ThemeSwitch } from "./parts/themeSwitch";
import { useReport } from "./parts/useReport";
import { address, followLinks, go, scopeOf, useRoute, type Route } from "./route";
import { scopeSpec } from "./scope";

const PAGES: { path: string[]; title: string; group?: string }[] = [
  { path: ["journeys"], title: "Journeys", group: "Runs" },
  { path: ["invocations"], title: "Invocations" },
  { path: ["activity", "user"], title: "User activity", group: "Activity" },
  { path: ["activity", "admin"], title: "Admin activity" },
  { path: ["activity", "verify"], title: "Verification" },
  { path: ["activity", "risk"], title: "Risk" },
  { path: ["quality"], title: "Data quality", group: "Store" },
];

export function App() {
  const route = useRoute();
  useEffect(() => {
    if (route.path.length === 0) go(address(["journeys"], route.query), "replace");
  }, [route]);
  useEffect(() => {
    document.title = `${titleOf(route)} · Wayfare`;
  }, [route]);

  // asked once a page: what there is to choose from, and how fresh it is
  const zone = scopeSpec(route.query)["tz"];
  const journeys = useReport("journeys", zone ? { tz: zone } : {}, "beside");
  const locked =
    journeys.asked.state === "failed" && journeys.asked.problem instanceof Problem && journeys.asked.problem.status === 401;
  if (locked) return <SignIn onToken={journeys.retry} />;

  const runs = route.path[0] !== "activity" && route.path[0] !== "quality";
  return (
    <div class="frame" onClick={followLinks}>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <nav class="side" aria-label="Pages">
        <a class="brand" href={address(["journeys"], scopeOf(route.query))}>
          <img src="/icon.svg" width="22" height="22" alt="" />
          <span>Wayfare</span>
        </a>
        {PAGES.map((page) => (
          <>
            {page.group && <span class="group">{page.group}</span>}
            <a
              href={address(page.path, page.path[0] === "activity" ? keepRange(route.query) : scopeOf(route.query))}
              aria-current={isCurrent(route, page.path) ? "page" : undefined}
            >
              {page.title}
            </a>
          </>
        ))}
        <ThemeSwitch />
      </nav>
      <div class="content">
        <header class="top">
          <h1>{titleOf(route)}</h1>
          <Freshness answer={journeys.answer} zone={String(zone ?? "UTC")} />
        </header>
        <Filters route={route} journeys={journeys.answer} runs={runs} />
        <main id="main" tabIndex={-1}>
          <Page route={route} />
        </main>
      </div>
    </div>
  );
}

function Page({ route }: { route: Route }) {
  const [first, second] = route.path;
  const journey = route.query.get("journey") ?? "";
  switch (first) {
    case undefined:
    case "journeys":
      return <JourneysPage route={route} />;
    case "journey":
      return journey ? <JourneyPage key={journey} route={route} journey={journey} /> : <JourneysPage route={route} />;
    case "invocations":
      return <InvocationsPage route={route} />;
    case "activity":
      return <ActivityPage key={second} route={route} source={second ?? "user"} />;
    case "quality":
      return <QualityPage route={route} />;
    default:
      return (
        <div class="empty">
          <p>There is no page at {location.pathname}.</p>
          <p>
            <a href="/journeys">Journeys</a> is a good place to go on.
          </p>
        </div>
      );
  }
}

/** Of a scope, what means something for events that are no runs. */
function keepRange(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const key of ["from", "to", "tz"]) {
    const value = query.get(key);
    if (value) kept.set(key, value);
  }
  return kept;
}

function titleOf(route: Route): string {
  if (route.path[0] === "journey") return route.query.get("journey") ?? "Journeys";
  return PAGES.find((page) => isCurrent(route, page.path))?.title ?? "Wayfare";
}

function isCurrent(route: Route, path: string[]): boolean {
  if (path[0] === "journeys") return route.path[0] === "journeys" || route.path[0] === "journey" || route.path.length === 0;
  return path.every((part, index) => route.path[index] === part);
}
