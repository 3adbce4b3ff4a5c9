// The whole state of the page is its address: path for the page, query for everything that was chosen.

import { useEffect, useState } from "preact/hooks";

/** Where we are: a path such as `/journey/login`, and what was chosen, in a canonical order. */
export interface Route {
  path: string[];
  query: URLSearchParams;
}

/** Query keys that travel from page to page; all others belong to one page. */
export const SCOPE_KEYS = ["journey", "version", "from", "to", "tz", "as_of", "where"] as const;

const CHANGED = "wayfare:route";

export function currentRoute(): Route {
  return {
    path: location.pathname.split("/").filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(location.search),
  };
}

/** Writes an address; keys in a fixed order, so that one state has one address. */
export function address(path: string[], query: URLSearchParams): string {
  const sorted = new URLSearchParams([...query].filter(([, value]) => value !== ""));
  sorted.sort();
  const text = sorted.toString();
  return "/" + path.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

/** Keeps what belongs to every page: which runs are looked at. */
export function scopeOf(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const key of SCOPE_KEYS) for (const value of query.getAll(key)) kept.append(key, value);
  return kept;
}

/** Sets, replaces or (with `null`) removes keys of a query. */
export function changed(query: URLSearchParams, changes: Record<string, string | string[] | null>): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [key, value] of Object.entries(changes)) {
    next.delete(key);
    for (const one of Array.isArray(value) ? value : value === null ? [] : [value]) next.append(key, one);
  }
  return next;
}

export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  dispatchEvent(new Event(CHANGED));
}

/** The current route; the component draws again when it changes. */
export function useRoute(): Route {
  const [route, set] = useState(currentRoute);
  useEffect(() => {
    const update = () => set(currentRoute());
    addEventListener("popstate", update);
    addEventListener(CHANGED, update);
    return () => {
      removeEventListener("popstate", update);
      removeEventListener(CHANGED, update);
    };
  }, []);
  return route;
}

/** Lets plain left clicks on links of our own change the page without loading it again. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/")) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search);
  scrollTo(0, 0);
}
