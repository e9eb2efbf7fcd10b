import { m } from '$lib/i18n.svelte';
import type { Role } from './relay';

const ROLES: Record<Role, { name: () => string; text: () => string }> = {
  viewer: { name: m.admin_role_viewer, text: m.admin_role_viewer_text },
  analyst: { name: m.admin_role_analyst, text: m.admin_role_analyst_text },
  admin: { name: m.admin_role_admin, text: m.admin_role_admin_text },
};

export const roleName = (role: Role) => ROLES[role].name();
export const roleText = (role: Role) => ROLES[role].text();
