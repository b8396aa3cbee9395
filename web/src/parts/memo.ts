// A component that is drawn anew only when one of its properties is another value.

import { Component, type FunctionComponent, type VNode, h } from 'preact';

export function memo<P extends object>(component: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as Record<string, unknown>;
      const then = next as Record<string, unknown>;
      const names = new Set([...Object.keys(now), ...Object.keys(then)]);
      return [...names].some((name) => name !== 'children' && now[name] !== then[name]);
    }
    override render(): VNode {
      return h(component as FunctionComponent<object>, this.props as object);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
