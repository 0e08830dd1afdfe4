import { mount } from 'svelte';

import '../lib/ui/tokens.css';
import '../lib/ui/base.css';
import Dashboard from './Dashboard.svelte';
import './dashboard.css';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no place for the dashboard');
mount(Dashboard, { target });
