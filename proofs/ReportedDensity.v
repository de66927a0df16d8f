(* N4: the radius of the log density that bound/weights.rs reports, in real numbers and as it is computed in binary64.

   In the terms of Reported.v, peak being the largest of the centres and lt the logarithm of sum e^(centre - peak) as the code has it:
     moved             sum e^(centre - peak) 2 r (1 + r^2/4) / sum e^(centre - peak - r): what moving the logits does, e^r - e^-r from above;
     density_reported  moved + of_total + U (2 |peak| + 4 lt + 3 |reference| + |log density|), the code's terms letter for letter;
     reported_log_density   what is computed is within it of what is exact;
     density_covered        1.01 times it, as computed in binary64 from [moved] to a thousandth, is at least it. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core.
From Tweedie Require Import Sums Near Weights Softmax.
From Tweedie Require Reported Evaluated Covered.
Open Scope R_scope.

(* e^r - e^-r as the code has it for radii below a half. *)
Definition twice_sinh (r : R) : R := 2 * r * (1 + / 4 * r * r).
Lemma grows f f' : f 0 = 0 -> (forall x, is_derive f x (f' x)) -> (forall x, 0 <= x <= 1 / 4 -> 0 <= f' x) -> forall r, 0 <= r <= 1 / 4 -> 0 <= f r.
Proof.
  intros Z D P r H. destruct (MVT_gen f 0 r f') as [c [Hc E]].
  - intros x _. apply D.
  - intros x _. apply continuity_pt_filterlim. apply (ex_derive_continuous f). now exists (f' x).
  - rewrite Rmin_left, Rmax_right in Hc by lra. rewrite Z, !Rminus_0_r in E. rewrite E. apply Rmult_le_pos; [apply P; lra|lra].
Qed.
Lemma exp_convex r : 0 <= r <= 1 / 4 -> exp r <= 1 + r + r * r / 2 + r * r * r / 4 /\ 1 - r + r * r / 2 - r * r * r / 4 <= exp (- r).
Proof.
  intros H.
  assert (A0 : forall x, 0 <= x <= 1 / 4 -> 0 <= 1 + 3 / 2 * x - exp x).
  { intros x Hx. assert (I := exp_ineq1_le (- x)). rewrite exp_Ropp in I. assert (P := exp_pos x).
    assert (exp x * (1 - x) <= exp x * / exp x) by (apply Rmult_le_compat_l; lra). rewrite Rinv_r in H0 by lra.
    assert (0 <= x * (1 / 4 - x)) by (apply Rmult_le_pos; lra). apply (Rmult_le_reg_r (1 - x)); lra. }
  assert (A1 : forall x, 0 <= x <= 1 / 4 -> 0 <= 1 + x + 3 / 4 * (x * x) - exp x).
  { apply (grows _ (fun x => 1 + 3 / 2 * x - exp x)); [rewrite exp_0; lra| |exact A0]. intros x. auto_derive. trivial. lra. }
  assert (A2 : 0 <= 1 + r + r * r / 2 + r * r * r / 4 - exp r).
  { apply (grows (fun x => 1 + x + x * x / 2 + x * x * x / 4 - exp x) (fun x => 1 + x + 3 / 4 * (x * x) - exp x)); auto.
    rewrite exp_0; lra. intros x. auto_derive. trivial. lra. }
  split. lra. rewrite exp_Ropp. assert (P := exp_pos r). apply (Rmult_le_reg_r (exp r)). exact P. rewrite Rinv_l by lra.
  set (q := 1 - r + r * r / 2 - r * r * r / 4). assert (R3 : 0 <= r * r * r) by (repeat apply Rmult_le_pos; lra).
  assert (R2 : r * r <= 1 / 4 * r) by (apply Rmult_le_compat_r; lra). assert (R4 : r * r * r <= 1 / 4 * (r * r)).
  { rewrite (Rmult_assoc r). apply Rmult_le_compat_r. apply Rle_0_sqr. lra. }
  assert (0 <= q) by (unfold q; lra).
  apply Rle_trans with (q * (1 + r + r * r / 2 + r * r * r / 4)). apply Rmult_le_compat_l; lra.
  unfold q. assert (0 <= (r * r) * (r * r)) by apply Rle_0_sqr. assert (0 <= (r * r * r) * (r * r * r)) by apply Rle_0_sqr. lra.
Qed.
Lemma twice_sinh_above r : 0 <= r <= / 4 -> exp r - exp (- r) <= twice_sinh r.
Proof. intros H. destruct (exp_convex r ltac:(lra)) as [A B]. unfold twice_sinh. lra. Qed.

Section Moved.
Variable size : nat -> nat.
Variable b : nat.
Notation dsum := (Sums.dsum size b).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Hypothesis some : inside 0%nat 0%nat.
Variables centre radius : nat -> nat -> R.
Variable peak : R.
Hypothesis radius_small : forall i j, 0 <= radius i j <= / 4.
Definition moved : R :=
  dsum (fun i j => exp (centre i j - peak) * twice_sinh (radius i j)) / dsum (fun i j => exp (centre i j - peak - radius i j)).
Definition log_sum : R := ln (dsum (fun i j => exp (centre i j - peak))).

Lemma moved_above : dsum (fun i j => high centre radius i j - low centre radius i j) / dsum (low centre radius) <= moved.
Proof.
  assert (Ep := exp_pos peak). assert (En : exp (- peak) = / exp peak) by apply exp_Ropp.
  assert (D : 0 < dsum (fun i j => exp (centre i j - peak - radius i j))) by (apply (mass_pos size b (fun i j => centre i j - peak - radius i j) 0 0 some)).
  assert (E1 : dsum (low centre radius) = dsum (fun i j => exp (centre i j - peak - radius i j)) * exp peak).
  { rewrite <- dsum_scal_r. apply dsum_ext. intros. unfold low. rewrite <- exp_plus. f_equal. ring. }
  assert (E2 : dsum (fun i j => high centre radius i j - low centre radius i j)
    <= dsum (fun i j => exp (centre i j - peak) * twice_sinh (radius i j)) * exp peak).
  { rewrite <- dsum_scal_r. apply dsum_le. intros i j _ _. unfold high, low.
    replace (exp (centre i j + radius i j) - exp (centre i j - radius i j)) with (exp (centre i j) * (exp (radius i j) - exp (- radius i j))).
    2: { unfold Rminus. rewrite !exp_plus. ring. }
    replace (exp (centre i j - peak) * twice_sinh (radius i j) * exp peak) with (exp (centre i j) * twice_sinh (radius i j)).
    2: { unfold Rminus. rewrite exp_plus, En. field. lra. }
    apply Rmult_le_compat_l. left; apply exp_pos. apply twice_sinh_above, radius_small. }
  rewrite E1. unfold moved. apply (Rmult_le_reg_r (dsum (fun i j => exp (centre i j - peak - radius i j)) * exp peak)).
  now apply Rmult_lt_0_compat. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r. 2: assert (Q := Rmult_lt_0_compat _ _ D Ep); lra.
  apply Rle_trans with (1 := E2). right. field. lra.
Qed.

Lemma moved_nonneg : 0 <= moved.
Proof.
  assert (W : within centre radius centre) by (intros i j; rewrite Rminus_eq_0, Rabs_R0; apply radius_small).
  apply Rle_trans with (2 := moved_above). apply Rle_trans with (2 := log_moved size b centre radius some centre centre W W). apply Rabs_pos.
Qed.

(* The logarithm of the sum, from logits within a quarter of their centres. *)
Lemma log_sum_close l : (forall i j, Rabs (l i j - centre i j) <= radius i j) -> Rabs (ln (dsum (fun i j => exp (l i j))) - (peak + log_sum)) <= / 4.
Proof.
  intros H. assert (Pl := mass_pos size b l 0 0 some). assert (Pc := mass_pos size b (fun i j => centre i j - peak) 0 0 some). cbv beta in Pc.
  set (S := dsum (fun i j => exp (centre i j - peak))) in *.
  assert (G : forall k, peak + log_sum + k = ln (S * exp (peak + k))).
  { intros k. rewrite ln_mult, ln_exp by (auto using exp_pos). unfold log_sum. fold S. ring. }
  assert (B : forall i j, centre i j - / 4 <= l i j <= centre i j + / 4).
  { intros i j. generalize (Rabs_le_inv _ _ (H i j)) (radius_small i j). lra. }
  assert (Mono : forall x y, 0 < x -> x <= y -> ln x <= ln y).
  { intros x y Hx [Hy| ->]. left. now apply ln_increasing. lra. }
  apply Rabs_le. split.
  - apply (Rplus_le_reg_r (peak + log_sum)). replace (- / 4 + (peak + log_sum)) with (peak + log_sum + - / 4) by ring. rewrite G.
    replace (_ - _ + _) with (ln (dsum (fun i j => exp (l i j)))) by ring. apply Mono. apply Rmult_lt_0_compat. assumption. apply exp_pos.
    unfold S. rewrite <- dsum_scal_r. apply dsum_le. intros i j _ _. rewrite <- exp_plus. apply exp_le. generalize (B i j). lra.
  - apply (Rplus_le_reg_r (peak + log_sum)). rewrite (Rplus_comm (/ 4)), G. replace (_ - _ + _) with (ln (dsum (fun i j => exp (l i j)))) by ring.
    apply Mono. assumption. unfold S. rewrite <- dsum_scal_r. apply dsum_le. intros i j _ _. rewrite <- exp_plus. apply exp_le. generalize (B i j). lra.
Qed.
End Moved.

Section Density.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables u eta e tau : R.
Hypothesis u_range : 0 <= u < 1.
Hypothesis eta_pos : 0 <= eta.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis standard : forall z, exists w, Rabs w <= eta /\ Rabs (rnd z - (z + w)) <= u * Rabs (z + w).
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= u * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Hypothesis format_0 : format 0.
Variable E : R -> R.
Hypothesis exp_off : forall x, format x -> x <= 0 -> off e tau (E x) (exp x).
Notation nu := (Near.nu u).
Hypothesis u_small : u <= / 1048576.
Hypothesis costs : e + 2 * nu <= 34 / 10 * u /\ nu <= 1001 / 1000 * u /\ tau <= 17 / 10 * eta /\ tau <= u / 1000.
Variable Ln : R -> R.
Variables lambda ln_rest limit : R.
Hypothesis ln_close : forall x, format x -> 0 < x <= limit -> format (Ln x) /\ Rabs (Ln x - ln x) <= lambda * Rabs (ln x) + ln_rest.
Hypothesis ln_costs : 0 <= lambda <= 3 / 2 * u /\ ln_rest <= u / 1000.

Variable size : nat -> nat.
Variables N b : nat.
Hypothesis sizes : forall i, (0 < size i <= N)%nat.
Notation dsum := (Sums.dsum size b).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Variables l L : nat -> nat -> R.
Variable m : nat -> R.
Hypothesis l_format : forall i j, format (l i j).
Hypothesis m_largest : forall i, (exists j, (j < size i)%nat /\ m i = l i j) /\ forall j, (j < size i)%nat -> l i j <= m i.
Notation M := (largest m b).
Notation Phi := (Softmax.Phi u eta e tau size l m N b).
Notation phi := (Softmax.phi u eta e tau size l m N b).
Notation cost c0 := (Softmax.cost u e tau N c0 b).
Notation total := (Softmax.total rnd E size l m b).
Variables U count peak : R.
Variables centre radius hi : nat -> nat -> R.
Hypothesis U_unit : u <= U.
Hypothesis count_is : INR N <= count /\ INR N <= 64.
Hypothesis l_close : forall i j, Rabs (l i j - centre i j) <= radius i j.
Hypothesis L_close : forall i j, Rabs (L i j - centre i j) <= radius i j.
Hypothesis radius_small : forall i j, radius i j <= / 4.
Hypothesis peak_above : forall i j, inside i j -> centre i j <= peak.
Hypothesis hi_above : forall i j, inside i j -> highest size b centre radius i j <= hi i j.
Hypothesis Phi_small : Phi <= 1 / 1001.
Hypothesis moderate : 1190 * u + cost (e + nu) + (phi + nu) <= 1 / 1001.
Hypothesis rest_small : dsum (fun _ _ => Reported.tail) + total_rest u eta e tau size N b <= u / 4.
Notation of_total := (Reported.of_total size b U count peak centre radius hi).
Notation moved := (moved size b centre radius peak).
Notation log_sum := (log_sum size b centre peak).

Hypothesis peak_is : exists i j, inside i j /\ centre i j = peak.
Hypothesis room : 2 * mass size l m b <= limit.
Variables reference reference_exact lt density : R.
Hypothesis format_reference : format reference.
Hypothesis reference_close : Rabs (reference - reference_exact) <= 2 * U * Rabs reference.
Hypothesis lt_close : 0 <= lt /\ Rabs (lt - log_sum) <= / 100.
Hypothesis density_close : Rabs (density - (peak + lt + reference)) <= (Rabs peak + lt + Rabs reference) / 1000.

Definition sizes_reported : R := 2 * Rabs peak + 4 * lt + 3 * Rabs reference + Rabs density.
Definition density_reported : R := moved + of_total + U * sizes_reported.

Let size_le i : (size i <= N)%nat. Proof. apply sizes. Qed.
Let Phi_below : Phi < 1. Proof. lra. Qed.
Lemma some : inside 0%nat 0%nat.
Proof. split. lia. apply sizes. Qed.
Lemma radius_range i j : 0 <= radius i j <= / 4.
Proof. split. apply Rle_trans with (2 := l_close i j). apply Rabs_pos. apply radius_small. Qed.

Theorem reported_log_density :
  Rabs (rnd (rnd (M + Ln total) + reference) - (ln (dsum (fun i j => exp (L i j))) + reference_exact)) <= density_reported - u.
Proof.
  assert (Tot := Reported.total_reported rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off u_small costs
    size N b sizes l m l_format m_largest U count peak centre radius hi U_unit count_is l_close radius_small peak_above hi_above Phi_small moderate rest_small).
  assert (Np := Near.nu_pos u u_range).
  assert (Fp : 0 <= phi) by exact (phi_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b Phi_below).
  assert (F0 : 0 <= Phi) by exact (Phi_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off
    size l m N size_le l_format m_largest b).
  assert (Ot : phi + 4 * u <= of_total) by (unfold Reported.of_total in *; lra). clear Tot.
  assert (Fs : phi <= 1 / 900) by (unfold Softmax.phi; generalize (Reported.log_order_1000 Phi (conj F0 Phi_small)); lra).
  assert (S1 := mass_ge_1 size l m m_largest b).
  assert (Tp := total_pos rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off size l m N size_le l_format m_largest b Phi_below).
  destruct (total_near rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off size l m N size_le l_format m_largest b Phi_below) as [th [Ht Et]].
  assert (Tl : total <= limit).
  { assert (T := total_error rnd format u eta e tau u_range eta_pos e_pos tau_pos standard addition format_opp format_rnd E exp_off size l m N size_le l_format m_largest b).
    apply Rabs_le_inv in T. assert (Phi * mass size l m b <= 1 * mass size l m b) by (apply Rmult_le_compat_r; lra). lra. }
  assert (Ft : format total) by (apply (combined_format rnd format format_rnd); assumption).
  destruct (ln_close total Ft ltac:(lra)) as [FL CL].
  assert (FM : format M) by exact (largest_format format size l m l_format m_largest b).
  assert (Ad := addition M (Ln total) FM FL).
  set (T := ln (mass size l m b)) in *.
  assert (El : ln total = T + th) by (rewrite Et, ln_mult, ln_exp; auto using exp_pos; lra).
  assert (Em : ln (dsum (fun i j => exp (l i j))) = M + T).
  { rewrite <- (ln_exp M) at 1. unfold T. rewrite <- ln_mult; [|apply exp_pos|lra]. f_equal. unfold mass. rewrite Rmult_comm, <- dsum_scal_r.
    apply dsum_ext. intros. rewrite <- exp_plus. f_equal. ring. }
  assert (T0 : 0 <= T).
  { unfold T. rewrite <- ln_1. destruct S1 as [S1|<-]. left. now apply ln_increasing; lra. lra. }
  assert (Mpeak : peak - / 4 <= M).
  { destruct peak_is as [i [j [[Hi Hj] Ej]]]. generalize (Softmax.below size l m m_largest b i j Hi Hj) (Rabs_le_inv _ _ (l_close i j)) (radius_small i j). lra. }
  assert (Cl := log_sum_close size b some centre radius peak radius_range l l_close). rewrite Em in Cl. apply Rabs_le_inv in Cl.
  destruct lt_close as [Lt0 Ltc]. apply Rabs_le_inv in Ltc. apply Rabs_le_inv in Ht.
  assert (La : Rabs (ln total) <= T + phi) by (rewrite El; apply Rabs_le; lra).
  assert (B1 : lambda * Rabs (ln total) <= 3 / 2 * u * (lt + 1)).
  { apply Rmult_le_compat; try apply Rabs_pos; lra. }
  set (X := rnd (M + Ln total)) in *. set (v := Ln total - ln total) in *. assert (CL' := Rabs_le_inv _ _ CL).
  assert (Lu : u * lt <= / 1048576 * lt) by (apply Rmult_le_compat_r; lra).
  assert (Y : Rabs (M + Ln total) <= Rabs peak + 11 / 10 * lt + / 3).
  { replace (M + Ln total) with (peak + (lt + ((M + T - (peak + log_sum)) + (log_sum - lt) + (th + v)))) by (unfold v; rewrite El; ring).
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite (Rplus_assoc (Rabs peak)). apply Rplus_le_compat_l. apply Rabs_le. lra. }
  assert (uY : u * Rabs (M + Ln total) <= u * (Rabs peak + 11 / 10 * lt + / 3)) by (apply Rmult_le_compat_l; lra).
  assert (Pp := Rabs_pos peak). assert (Pr := Rabs_pos reference).
  assert (up : u * Rabs peak <= / 1048576 * Rabs peak) by (apply Rmult_le_compat_r; lra). assert (up0 : 0 <= u * Rabs peak) by (apply Rmult_le_pos; lra).
  assert (ul0 : 0 <= u * lt) by (apply Rmult_le_pos; lra). assert (ur0 : 0 <= u * Rabs reference) by (apply Rmult_le_pos; lra).
  (* Before the reference. *)
  assert (B2 : Rabs (X - (M + T)) <= phi + 11 / 5 * u + u * Rabs peak + 27 / 10 * (u * lt)).
  { replace (X - (M + T)) with ((X - (M + Ln total)) + (v + th)) by (unfold v; rewrite El; ring).
    apply Rle_trans with (1 := Rabs_triang _ _). assert (Rabs (v + th) <= 3 / 2 * u * (lt + 1) + u / 1000 + phi) by (apply Rabs_le; lra). lra. }
  assert (Ad2 := addition X reference (format_rnd _) format_reference).
  apply Rabs_le_inv in density_close.
  assert (Z : Rabs (X + reference) <= Rabs density + 3 / 10 + (Rabs peak + lt + Rabs reference) / 900).
  { replace (X + reference) with (density + ((X - (M + T)) + ((M + T - (peak + log_sum)) + (log_sum - lt)) - (density - (peak + lt + reference)))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite (Rplus_assoc (Rabs density)). apply Rplus_le_compat_l. apply Rabs_le_inv in B2. apply Rabs_le. lra. }
  assert (uZ : u * Rabs (X + reference) <= u * (Rabs density + 3 / 10 + (Rabs peak + lt + Rabs reference) / 900)) by (apply Rmult_le_compat_l; lra).
  assert (Mv := log_moved size b centre radius some l L l_close L_close). rewrite Em in Mv.
  assert (Mo := moved_above size b some centre radius peak radius_range).
  set (YL := ln (dsum (fun i j => exp (L i j)))) in *.
  unfold density_reported, sizes_reported.
  assert (US : u * (2 * Rabs peak + 4 * lt + Rabs reference + Rabs density) + 2 * U * Rabs reference
    <= U * (2 * Rabs peak + 4 * lt + 3 * Rabs reference + Rabs density)).
  { assert (0 <= (U - u) * (2 * Rabs peak + 4 * lt + Rabs reference + Rabs density)) by (apply Rmult_le_pos; generalize (Rabs_pos density); lra). lra. }
  replace (rnd (X + reference) - (YL + reference_exact)) with ((rnd (X + reference) - (X + reference)) + ((X - (M + T)) + ((M + T - YL) + (reference - reference_exact)))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). assert (Q1 := Rabs_triang (X - (M + T)) ((M + T - YL) + (reference - reference_exact))).
  assert (Q2 := Rabs_triang (M + T - YL) (reference - reference_exact)). lra.
Qed.
End Density.

(* As bound/weights.rs computes it in binary64: w, eta are those of that format, [rest] what it adds for its own logarithm of the sum. *)
Section Computed.
Variable rnd : R -> R.
Variable format : R -> Prop.
Variables w eta : R.
Hypothesis w_range : 0 <= w <= / 1000000.
Hypothesis eta_pos : 0 <= eta.
Hypothesis rnd_pos : forall z, 0 <= z -> 0 <= rnd z.
Hypothesis product : forall z, 0 <= z -> (1 - w) * z - eta <= rnd z.
Hypothesis addition : forall x y, format x -> format y -> Rabs (rnd (x + y) - (x + y)) <= w * Rabs (x + y).
Hypothesis format_opp : forall x, format x -> format (- x).
Hypothesis format_rnd : forall z, format (rnd z).
Variable size : nat -> nat.
Variable b : nat.
Notation dsum := (Sums.dsum size b).
Hypothesis format_0 : format 0.
Variables U count peak factor c : R.
Variables centre radius hi wd t r reach : nat -> nat -> R.
Hypothesis factor_is : 101 / 100 <= factor <= 102 / 100 /\ format factor.
Hypothesis U_is : 0 <= U <= 1 /\ format U /\ format (2 * U) /\ 1000000 * eta <= U.
Hypothesis count_is : 1 <= count /\ format count.
Hypothesis constants : format 1 /\ format 2 /\ format 6 /\ format 1200 /\ format (Reported.blocks b).
Hypothesis peak_is : format peak /\ format c.
Hypothesis leaves : forall i j, format (centre i j) /\ (0 <= radius i j /\ format (radius i j)) /\ (0 <= hi i j <= 1 /\ format (hi i j))
  /\ (0 <= wd i j /\ format (wd i j)) /\ (format (t i j) /\ format (Rabs (t i j))) /\ (0 <= r i j /\ format (r i j)) /\ (0 <= reach i j /\ format (reach i j)).
Hypothesis peak_above : forall i j, (i <= b)%nat -> (j < size i)%nat -> centre i j <= peak.
Hypothesis hi_sum : 9 / 10 <= dsum hi.
Hypothesis few : INR (Covered.elements size b + 100) * w <= / 10000 /\ INR (Covered.elements size b + 100) * eta <= U / 100000.
Notation of_total := (Reported.of_total size b U count peak centre radius hi).
Notation total_computed := (Covered.total_computed rnd size b U count peak factor centre radius hi).

Variables moved_computed rest lt reference : R.
Hypothesis numbers : (0 <= moved_computed /\ format moved_computed) /\ (0 <= rest /\ format rest) /\ (0 <= lt /\ format lt) /\ format reference
  /\ (format (Rabs peak) /\ format (Rabs reference)) /\ (format 3 /\ format 4).
Definition centre_computed : R := rnd (rnd (peak + lt) + reference).
Definition sizes_tree : Evaluated.formula := Evaluated.Plus (Evaluated.Plus (Evaluated.Plus
  (Evaluated.Times (Evaluated.Number 2) (Evaluated.Number (Rabs peak))) (Evaluated.Times (Evaluated.Number 4) (Evaluated.Number lt)))
  (Evaluated.Times (Evaluated.Number 3) (Evaluated.Number (Rabs reference)))) (Evaluated.Number (Rabs centre_computed)).
Definition density_tree : Evaluated.formula := Evaluated.Plus (Evaluated.Plus (Evaluated.Plus (Evaluated.Number moved_computed)
  (Evaluated.Number total_computed)) (Evaluated.Number rest)) (Evaluated.Times (Evaluated.Number U) sizes_tree).
Definition density_computed : R := rnd (factor * Evaluated.float rnd density_tree).

Lemma centre_close : Rabs (centre_computed - (peak + lt + reference)) <= (Rabs peak + lt + Rabs reference) / 1000.
Proof.
  destruct numbers as [_ [_ [[L0 Fl] [Fr _]]]]. assert (A1 := addition peak lt (proj1 peak_is) Fl).
  assert (A2 := addition (rnd (peak + lt)) reference (format_rnd _) Fr). fold centre_computed in A2.
  assert (T1 := Rabs_triang peak lt). rewrite (Rabs_pos_eq lt L0) in T1. set (y := rnd (peak + lt)) in *.
  assert (W1 : w * Rabs (peak + lt) <= / 1000000 * (Rabs peak + lt)) by (apply Rmult_le_compat; try apply Rabs_pos; lra).
  assert (T2 : Rabs (y + reference) <= Rabs (y - (peak + lt)) + (Rabs peak + lt + Rabs reference)).
  { replace (y + reference) with ((y - (peak + lt)) + ((peak + lt) + reference)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
    generalize (Rabs_triang (peak + lt) reference). lra. }
  assert (W2 : w * Rabs (y + reference) <= / 1000000 * (Rabs (y - (peak + lt)) + (Rabs peak + lt + Rabs reference))) by (apply Rmult_le_compat; try apply Rabs_pos; lra).
  replace (centre_computed - (peak + lt + reference)) with ((centre_computed - (y + reference)) + (y - (peak + lt))) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). generalize (Rabs_pos peak) (Rabs_pos reference). lra.
Qed.

Lemma of_total_size : U <= of_total.
Proof.
  unfold Reported.of_total. assert (U * 2 * (9 / 10) <= dsum (fun i j => Reported.term_rounding b U count peak centre radius i j * hi i j)); [|lra].
  apply Rle_trans with (U * 2 * dsum hi). apply Rmult_le_compat_l; lra. rewrite Rmult_comm, <- dsum_scal_r. apply dsum_le. intros i j Hi Hj.
  destruct (leaves i j) as [_ [L2 [L3 _]]]. rewrite Rmult_comm. apply Rmult_le_compat_r. lra.
  assert (B1 := Covered.blocks_1 b). assert (Pk := peak_above i j Hi Hj). unfold Reported.term_rounding, Reported.below.
  assert (0 <= Rmin (peak - centre i j) 1200) by (apply Rmin_glb; lra). assert (0 <= Rmin (radius i j) 1) by (apply Rmin_glb; lra).
  assert (U * 2 <= U * (Rmin (peak - centre i j) 1200 + 2 * Rmin (radius i j) 1 + count + 6 + 6 * Reported.blocks b)) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Theorem density_covered : 999 / 1000 * moved size b centre radius peak <= moved_computed -> 0 <= moved size b centre radius peak ->
  density_reported size b U count peak centre radius hi reference lt centre_computed <= density_computed.
Proof.
  intros Mc M0. destruct numbers as [N1 [N2 [N3 [N4 [N5 N6]]]]].
  assert (Tc := Covered.total_covered rnd format w eta w_range eta_pos rnd_pos product addition format_opp format_rnd size b format_0 U count peak factor c
    centre radius hi wd t r reach factor_is U_is count_is constants peak_is leaves peak_above hi_sum few).
  assert (Tf : 0 <= total_computed /\ format total_computed) by (eapply (Covered.total_format rnd format w eta); eassumption).
  assert (Ts := of_total_size).
  assert (Fc : format (Rabs centre_computed)).
  { unfold Rabs. destruct (Rcase_abs centre_computed). apply format_opp, format_rnd. apply format_rnd. }
  assert (G : Evaluated.good format density_tree).
  { simpl. repeat split; try tauto; try lra; apply Rabs_pos. }
  assert (D : (Evaluated.depth density_tree <= Covered.elements size b + 100)%nat) by (simpl; lia).
  assert (Ds : INR (Evaluated.depth density_tree) * w <= / 10000).
  { apply le_INR in D. apply Rle_trans with (2 := proj1 few). apply Rmult_le_compat_r; lra. }
  assert (C := Evaluated.covered rnd format w eta ltac:(lra) eta_pos rnd_pos product addition format_opp format_rnd density_tree factor G ltac:(lra) ltac:(lra) Ds).
  fold density_computed in C. apply Rle_trans with (2 := C).
  set (q := 1 - INR (Evaluated.depth density_tree) * w) in *. assert (Q : 9999 / 10000 <= q) by (unfold q; lra).
  set (S := sizes_reported peak reference lt centre_computed).
  assert (R : Evaluated.real density_tree = moved_computed + total_computed + rest + U * S) by (unfold density_tree, sizes_tree, S, sizes_reported; cbn [Evaluated.real]; ring).
  assert (Un : Evaluated.under eta density_tree <= 4 * eta).
  { unfold density_tree, sizes_tree. cbn [Evaluated.under Evaluated.real].
    match goal with |- ?v <= _ => replace v with (eta + 3 * (U * eta)) by ring end.
    assert (U * eta <= 1 * eta) by (apply Rmult_le_compat_r; lra). lra. }
  assert (V : Evaluated.under eta density_tree / q <= 4 * eta * (10001 / 9999)).
  { apply (Rmult_le_reg_r q). lra. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (4 * eta * (10001 / 9999) * (9999 / 10000) <= 4 * eta * (10001 / 9999) * q) by (apply Rmult_le_compat_l; lra). lra. }
  assert (S0 : 0 <= U * S).
  { apply Rmult_le_pos. lra. unfold S, sizes_reported. generalize (Rabs_pos peak) (Rabs_pos reference) (Rabs_pos centre_computed). lra. }
  rewrite R. unfold density_reported. fold S. lra.
Qed.
End Computed.
