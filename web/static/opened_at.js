// The map's page sends a place that was pointed at there: `/#at=119.6,39.93` begins an incident that lies there.
export function openedAt(intake) {
  const [, lon, lat] = location.hash.match(/^#at=(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/) ?? [];
  if (!lon || !intake) return;
  history.replaceState(null, "", location.pathname + location.search);
  intake.form.elements["place.lon"].value = lon;
  intake.form.elements["place.lat"].value = lat;
  intake.open();
  intake.typed();
}
