// Markdown as a tree, which Markdown.svelte draws element by element: no text ever becomes markup. It reads what help pages and
// descriptions of flows use; what it does not know stays text.

export type Inline =
  | { readonly kind: 'text' | 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'em'; readonly parts: readonly Inline[] }
  | { readonly kind: 'link'; readonly to: string; readonly parts: readonly Inline[] }
  | { readonly kind: 'break' };

export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly parts: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly parts: readonly Inline[] }
  | { readonly kind: 'code'; readonly language: string; readonly text: string }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly start: number; readonly items: readonly (readonly Block[])[] }
  | { readonly kind: 'table'; readonly head: readonly (readonly Inline[])[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: 'quote'; readonly blocks: readonly Block[] }
  | { readonly kind: 'rule' };

/** A page that is longer than this is cut: it is drawn at once. */
const MOST = 200_000;
const MOST_DEPTH = 8;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w-]*)/;
const HEADING = /^ {0,3}(#{1,6})(?=\s)/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(\s+|$)/;
const QUOTE = /^ {0,3}> ?/;
/** Of a line without spaces around it. */
const TABLE_LINE = /^\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$/;

export const parseMarkdown = (text: string): Block[] => blocks(text.slice(0, MOST).replace(/\r\n?/g, '\n').split('\n'), 0);

function blocks(lines: readonly string[], depth: number): Block[] {
  const found: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    if (line.trim() === '') {
      at += 1;
      continue;
    }
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (fence) {
      const end = endOf(lines, at + 1, (other) => !other.trim().startsWith(fence[1] ?? '```') || !/^[`~\s]+$/.test(other));
      found.push({ kind: 'code', language: fence[2] ?? '', text: lines.slice(at + 1, end).join('\n') });
      at = end + 1;
    } else if (heading) {
      found.push({ kind: 'heading', level: heading[1]?.length ?? 1, parts: inlines(titleOf(line.slice(heading[0].length))) });
      at += 1;
    } else if (RULE.test(line)) {
      found.push({ kind: 'rule' });
      at += 1;
    } else if (QUOTE.test(line) && depth < MOST_DEPTH) {
      const end = endOf(lines, at, (other) => QUOTE.test(other));
      found.push({ kind: 'quote', blocks: blocks(lines.slice(at, end).map((other) => other.replace(QUOTE, '')), depth + 1) });
      at = end;
    } else if (ITEM.test(line) && depth < MOST_DEPTH) {
      const [list, end] = listAt(lines, at, depth);
      found.push(list);
      at = end;
    } else if (line.includes('|') && TABLE_LINE.test((lines[at + 1] ?? '').trim())) {
      const end = endOf(lines, at + 2, (other) => other.includes('|'));
      found.push({ kind: 'table', head: cells(line), rows: lines.slice(at + 2, end).map(cells) });
      at = end;
    } else {
      const end = endOf(lines, at + 1, (other) => other.trim() !== '' && !startsBlock(other));
      found.push({ kind: 'paragraph', parts: inlines(lines.slice(at, end).join('\n')) });
      at = end;
    }
  }
  return found;
}

/** Signs at the end belong to the heading, not to its text. No pattern: one that is lazy before spaces takes minutes for many of them. */
function titleOf(text: string): string {
  const title = text.trim();
  let end = title.length;
  while (title[end - 1] === '#') end -= 1;
  return title.slice(0, end).trimEnd();
}

const startsBlock = (line: string): boolean => [FENCE, HEADING, RULE, QUOTE, ITEM].some((start) => start.test(line));

function endOf(lines: readonly string[], from: number, belongs: (line: string) => boolean): number {
  let end = from;
  while (end < lines.length && belongs(lines[end] ?? '')) end += 1;
  return end;
}

function listAt(lines: readonly string[], from: number, depth: number): [Block, number] {
  const first = ITEM.exec(lines[from] ?? '');
  const isOrdered = (mark: string) => /\d/.test(mark);
  const ordered = isOrdered(first?.[2] ?? '');
  const items: Block[][] = [];
  let at = from;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at] ?? '');
    if (!item || isOrdered(item[2] ?? '') !== ordered) break;
    const indent = item[0].length;
    const own = [(lines[at] ?? '').slice(indent)];
    at += 1;
    // Lines that are indented belong to the item, and so do lines right below it that begin nothing new.
    while (at < lines.length) {
      const line = lines[at] ?? '';
      const isBlank = line.trim() === '';
      const isInside = /^\s{2,}/.test(line);
      if (isBlank ? !/^\s{2,}\S/.test(lines[at + 1] ?? '') : !isInside && (startsBlock(line) || own.at(-1)?.trim() === '')) break;
      own.push(isInside ? line.slice(Math.min(indent, line.length - line.trimStart().length)) : line);
      at += 1;
    }
    items.push(blocks(own, depth + 1));
    const next = endOf(lines, at, (line) => line.trim() === '');
    if (ITEM.test(lines[next] ?? '')) at = next;
  }
  return [{ kind: 'list', ordered, start: Number.parseInt(first?.[2] ?? '1', 10) || 1, items }, at];
}

function cells(line: string): Inline[][] {
  const inner = line.trim().replace(/^\|/, '').replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => inlines(cell.trim().replace(/\\\|/g, '|')));
}

/** Each part ends soon or is text: with a start everywhere and no end, all of the rest would be looked through again and again. */
const INLINE =
  /(?<code>(`+)(?<inner>[\s\S]{0,2000}?[^`])\2(?!`))|(?<link>\[(?<label>(?:[^[\]]|\[[^[\]]*\])+)\]\((?<to>[^()\s]+)\))|(?<strong>\*\*(?=\S)(?<bold>[\s\S]{0,1000}?\S)\*\*)|(?<em>(?<![\w*])[*_](?=[^\s*_])(?<italic>[^*_]*?[^\s*_])[*_](?![\w*]))|(?<url>https?:\/\/[^\s<>()]*[^\s<>().,;:!?])|(?<break>(?<! ) {2,}\n)|\\(?<escaped>[\\`*_{}[\]()#+.!|>-])/u;

function inlines(text: string, depth = 0): Inline[] {
  const parts: Inline[] = [];
  let rest = text;
  const say = (said: string) => {
    const last = parts.at(-1);
    if (said === '') return;
    if (last?.kind === 'text') parts[parts.length - 1] = { kind: 'text', text: last.text + said };
    else parts.push({ kind: 'text', text: said });
  };
  while (rest !== '') {
    const match = depth < MOST_DEPTH ? INLINE.exec(rest) : null;
    if (!match) break;
    say(rest.slice(0, match.index));
    rest = rest.slice(match.index + match[0].length);
    const of = match.groups ?? {};
    if (of.code !== undefined) parts.push({ kind: 'code', text: (of.inner ?? '').replace(/\n/g, ' ').replace(/^ (.*) $/, '$1') });
    else if (of.link !== undefined) {
      const inner = inlines(of.label ?? '', depth + 1);
      if (isSafe(of.to ?? '')) parts.push({ kind: 'link', to: of.to ?? '', parts: inner });
      else parts.push(...inner);
    } else if (of.strong !== undefined) parts.push({ kind: 'strong', parts: inlines(of.bold ?? '', depth + 1) });
    else if (of.em !== undefined) parts.push({ kind: 'em', parts: inlines(of.italic ?? '', depth + 1) });
    else if (of.url !== undefined) parts.push({ kind: 'link', to: of.url, parts: [{ kind: 'text', text: of.url }] });
    else if (of.break !== undefined) parts.push({ kind: 'break' });
    else say(of.escaped ?? '');
  }
  say(rest);
  return parts;
}

/** Links to other places only: a script, or a file of the documentation that is not there, is no link. */
const isSafe = (to: string): boolean => /^(https?:\/\/|mailto:)/i.test(to);
