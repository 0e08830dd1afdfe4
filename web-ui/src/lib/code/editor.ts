// The code editor: CodeMirror with our colours. This file, and all that it brings, is loaded when code is shown first.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionSource } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentUnit, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Annotation, Compartment, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, placeholder as placeholderOf } from '@codemirror/view';
import { tags } from '@lezer/highlight';

import { faultOf } from '../doc/json-fault';
import { t } from '../i18n/i18n.svelte';
import type { CodeProblem } from './aids';
import { faults, type Fault } from './faults';
import { rhai } from './rhai';
import { jsonParser, mustacheParser } from './small-languages';

/** What is said of the field around it, for those who do not see it. */
export interface Told {
  readonly id?: string | undefined;
  readonly describedby?: string | undefined;
  readonly invalid: boolean;
}

export interface Options {
  readonly parent: HTMLElement;
  readonly value: string;
  readonly language: string;
  readonly readonly: boolean;
  readonly label: string;
  readonly told: Told;
  readonly placeholder: string;
  readonly onchange: (value: string) => void;
  readonly complete?: CompletionSource;
  /** What is wrong with the text as it is; asked when nobody has typed for a while. */
  readonly check?: (code: string) => Promise<readonly CodeProblem[]>;
}

export interface CodeEditor {
  readonly view: EditorView;
  /** Puts another text there, which is not told as a change. */
  set(value: string): void;
  tell(told: Told): void;
  goTo(line: number, column: number): void;
  destroy(): void;
}

/** What the element that is written in has of it: CodeMirror leaves the field's own element behind. */
export function attributesOf({ id, describedby, invalid }: Told): Record<string, string> {
  return { ...(id ? { id } : {}), ...(describedby ? { 'aria-describedby': describedby } : {}), ...(invalid ? { 'aria-invalid': 'true' } : {}) };
}

const fromOutside = Annotation.define<boolean>();

function languageOf(name: string): Extension {
  if (name === 'rhai') return rhai;
  if (name === 'json') return StreamLanguage.define(jsonParser);
  return name === 'mustache' ? StreamLanguage.define(mustacheParser) : [];
}

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--text-2)', fontStyle: 'italic' },
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--code-keyword)', fontWeight: '600' },
  { tag: [tags.string, tags.character], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: tags.special(tags.variableName), color: 'var(--code-known)', fontWeight: '600' },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.namespace], color: 'var(--code-function)' },
  { tag: tags.propertyName, color: 'var(--code-property)' },
  { tag: tags.processingInstruction, color: 'var(--code-keyword)' },
]);

const theme = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--text)', fontSize: 'var(--size-small)', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
  '.cm-gutters': { backgroundColor: 'var(--surface-2)', color: 'var(--text-2)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in oklab, var(--hover) 55%, transparent)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
  '.cm-searchMatch, .cm-selectionMatch': { backgroundColor: 'var(--warn-soft)' },
  '.cm-fault': { textDecoration: 'underline wavy var(--bad)', textDecorationSkipInk: 'none', textUnderlineOffset: '3px', backgroundColor: 'var(--bad-soft)' },
  '.cm-placeholder': { color: 'var(--text-2)' },
  '.cm-tooltip, .cm-panels': { backgroundColor: 'var(--surface)', color: 'var(--text)', border: '1px solid var(--line)' },
  '.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--on-accent)' },
  '.cm-completionDetail': { color: 'inherit', opacity: '0.75' },
  '.cm-completionInfo': { whiteSpace: 'pre-wrap', maxWidth: '320px' },
  '.cm-textfield, .cm-button': { backgroundColor: 'var(--surface)', backgroundImage: 'none', color: 'var(--text)', border: '1px solid var(--line-strong)', borderRadius: 'var(--radius-small)' },
});

const indent = '    ';

export function createEditor(options: Options): CodeEditor {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
  const around = new Compartment();
  const toldOf = (told: Told): Extension => EditorView.contentAttributes.of(attributesOf(told));
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        lineNumbers(),
        options.readonly ? [EditorState.readOnly.of(true)] : [history(), highlightActiveLine(), highlightActiveLineGutter(), closeBrackets()],
        drawSelection(),
        bracketMatching(),
        highlightSelectionMatches(),
        search({ top: true }),
        EditorState.tabSize.of(4),
        indentUnit.of(options.language === 'json' ? '  ' : indent),
        languageOf(options.language),
        syntaxHighlighting(colours),
        theme,
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: options.language === 'markdown' ? 'true' : 'false', autocapitalize: 'off' }),
        around.of(toldOf(options.told)),
        options.placeholder ? placeholderOf(options.placeholder) : [],
        options.complete ? autocompletion({ override: [options.complete], icons: false }) : [],
        checks(options),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...searchKeymap, ...completionKeymap, indentWithTab]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && !update.transactions.some((one) => one.annotation(fromOutside))) options.onchange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    view,
    set(value) {
      if (view.state.doc.toString() !== value) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value }, annotations: fromOutside.of(true) });
    },
    tell: (told) => view.dispatch({ effects: around.reconfigure(toldOf(told)) }),
    goTo(line, column) {
      const at = placeOf(view, line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}

function placeOf(view: EditorView, line = 1, column = 1): number {
  const found = view.state.doc.line(Math.max(1, Math.min(view.state.doc.lines, line)));
  return Math.min(found.to, found.from + Math.max(0, column - 1));
}

function checks({ language, readonly, check }: Options): Extension {
  if (readonly) return [];
  if (language === 'json') {
    const look = (view: EditorView): Fault[] => {
      const text = view.state.doc.toString();
      const fault = text.trim() === '' ? undefined : faultOf(text, t);
      if (!fault) return [];
      const from = Math.max(0, Math.min(placeOf(view, fault.line, fault.column), view.state.doc.length - 1));
      return [{ from, to: Math.min(from + 1, view.state.doc.length), message: fault.message }];
    };
    return faults(look);
  }
  if (!check) return [];
  const look = async (view: EditorView): Promise<Fault[]> => {
    const problems = await check(view.state.doc.toString());
    return problems.map(({ message, hint, line, column }) => {
      const from = placeOf(view, line, column);
      return { from, to: view.state.wordAt(from)?.to ?? Math.min(view.state.doc.length, from + 1), message: hint ? `${message}: ${hint}` : message };
    });
  };
  return faults(look);
}
