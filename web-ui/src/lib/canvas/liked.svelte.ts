// What a person likes to use, and has used last: kept in this browser.

const KEPT = 'tidegate.palette';
const MOST_RECENT = 6;

interface Liked {
  favourites: string[];
  recent: string[];
}

function kept(): Liked {
  try {
    const read = JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<Liked>;
    const texts = (list: unknown): string[] => (Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string').slice(0, 50) : []);
    return { favourites: texts(read.favourites), recent: texts(read.recent).slice(0, MOST_RECENT) };
  } catch {
    return { favourites: [], recent: [] };
  }
}

let liked = $state.raw<Liked>(kept());

function keep(next: Liked): void {
  liked = next;
  try {
    localStorage.setItem(KEPT, JSON.stringify(next));
  } catch {
    // Where nothing can be kept, it lasts as long as the page.
  }
}

export const favourites = (): readonly string[] => liked.favourites;
export const recent = (): readonly string[] => liked.recent;

export function like(key: string): void {
  const others = liked.favourites.filter((one) => one !== key);
  keep({ ...liked, favourites: others.length < liked.favourites.length ? others : [...others, key] });
}

export function remember(key: string): void {
  keep({ ...liked, recent: [key, ...liked.recent.filter((one) => one !== key)].slice(0, MOST_RECENT) });
}
