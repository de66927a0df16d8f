(* The error analysis of ln over the reals, in any binary format; LnDouble.v and LnSingle.v put the numbers in.

     log_series   |ln((1+s)/(1-s)) - 2 (s + s^3/3 + ... + s^(2n+1)/(2n+1))| <= 2 |s| s^(2n+2)/(1 - s^2) for |s| < 1;
     assembled    what k ln 2, f and f^2/2 lose in their roundings is found again, but for eight roundings of the lost parts;
     quotient     s = f/(2 + f) with both roundings is within 2.25 u of itself;
     final        the last addition, in units of the last place at the exact result. *)
Require Import ZArith Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Flocq Require Import Core Relative Sterbenz Mult_error.
From Tweedie Require Import Rounding.
Open Scope R_scope.

(* The series of ln((1+s)/(1-s)) = 2 atanh s. *)
Fixpoint atanh_sum (n : nat) (s : R) : R :=
  match n with O => s | S k => atanh_sum k s + s ^ (2 * n + 1) / (2 * INR n + 1) end.
Fixpoint geometric (n : nat) (z : R) : R := match n with O => 1 | S k => geometric k z + z ^ n end.

Lemma geometric_is n z : geometric n z * (1 - z) = 1 - z ^ S n.
Proof. induction n as [|n IH]. simpl. ring. cbn [geometric]. rewrite Rmult_plus_distr_r, IH. simpl. ring. Qed.

Lemma atanh_sum_derive n s : is_derive (atanh_sum n) s (geometric n (s * s)).
Proof.
  induction n as [|n IH]. exact (is_derive_id s).
  cbn [atanh_sum geometric].
  apply (is_derive_plus (V := R_NormedModule) (atanh_sum n) (fun s => s ^ (2 * S n + 1) / (2 * INR (S n) + 1))). exact IH.
  assert (G : forall k c, c <> 0 -> is_derive (fun s => s ^ k / c) s (INR k * s ^ Nat.pred k / c)).
  { intros k c Hc. auto_derive. trivial. field. assumption. }
  assert (P := pos_INR (S n)). replace ((s * s) ^ S n) with (INR (2 * S n + 1) * s ^ Nat.pred (2 * S n + 1) / (2 * INR (S n) + 1)).
  apply G. lra.
  replace (s * s) with (s ^ 2) by ring. rewrite <- pow_mult. replace (Nat.pred (2 * S n + 1)) with (2 * S n)%nat by lia.
  rewrite plus_INR, mult_INR. change (INR 2) with 2. change (INR 1) with 1. field. lra.
Qed.

Theorem log_series n s : Rabs s < 1 ->
  Rabs (ln (1 + s) - ln (1 - s) - 2 * atanh_sum n s) <= 2 * Rabs s * (s * s) ^ S n / (1 - s * s).
Proof.
  intros Hs.
  assert (Zero : atanh_sum n 0 = 0).
  { induction n as [|n IH]. reflexivity. cbn [atanh_sum]. rewrite IH, pow_ne_zero by lia. unfold Rdiv. ring. }
  set (H := fun t => ln (1 + t) - ln (1 - t) - 2 * atanh_sum n t).
  assert (D : forall t, Rabs t < 1 -> is_derive H t (2 * (t * t) ^ S n / (1 - t * t))).
  { intros t Ht. apply Rabs_def2 in Ht. unfold H.
    assert (Pz : 0 < 1 - t * t). { replace (1 - t * t) with ((1 - t) * (1 + t)) by ring. apply Rmult_lt_0_compat; lra. }
    replace (2 * (t * t) ^ S n / (1 - t * t)) with ((/ (1 + t) + / (1 - t)) - 2 * geometric n (t * t)).
    2: { apply (Rmult_eq_reg_r (1 - t * t)); [|lra]. unfold Rdiv. rewrite (Rmult_assoc _ (/ _)), Rinv_l, Rmult_1_r by lra.
         rewrite Rmult_minus_distr_r, Rmult_assoc, geometric_is. simpl. field. lra. }
    apply (is_derive_minus (V := R_NormedModule) (fun t => ln (1 + t) - ln (1 - t)) (fun t => 2 * atanh_sum n t)).
    auto_derive. lra. field. lra.
    apply is_derive_scal. apply atanh_sum_derive. }
  destruct (MVT_gen H 0 s (fun t => 2 * (t * t) ^ S n / (1 - t * t))) as [c [Hc E]].
  - intros t Ht. apply D. apply Rabs_def2 in Hs. apply Rabs_def1; revert Ht; unfold Rmin, Rmax; destruct (Rle_dec 0 s); lra.
  - intros t Ht. apply continuity_pt_filterlim. apply (ex_derive_continuous (V := R_NormedModule)). eexists. apply D.
    apply Rabs_def2 in Hs. apply Rabs_def1; revert Ht; unfold Rmin, Rmax; destruct (Rle_dec 0 s); lra.
  - assert (Hcs : Rabs c <= Rabs s).
    { revert Hc. unfold Rmin, Rmax, Rabs. destruct (Rle_dec 0 s), (Rcase_abs c), (Rcase_abs s); lra. }
    assert (Z : c * c <= s * s).
    { rewrite <- (Rabs_pos_eq (c * c)), <- (Rabs_pos_eq (s * s)) by apply Rle_0_sqr. rewrite !Rabs_mult.
      apply Rmult_le_compat; auto using Rabs_pos. }
    assert (Zs : s * s < 1).
    { rewrite <- (Rabs_pos_eq (s * s)) by apply Rle_0_sqr. rewrite Rabs_mult.
      apply Rle_lt_trans with (Rabs s * 1); [|lra]. apply Rmult_le_compat_l; [apply Rabs_pos|lra]. }
    assert (C0 : 0 <= c * c) by apply Rle_0_sqr.
    assert (H0 : H 0 = 0). { unfold H. rewrite Zero. replace (1 + 0) with 1 by ring. replace (1 - 0) with 1 by ring. rewrite ln_1. ring. }
    rewrite H0, Rminus_0_r in E. change (ln (1 + s) - ln (1 - s) - 2 * atanh_sum n s) with (H s). rewrite E.
    rewrite Rminus_0_r, Rabs_mult. rewrite Rabs_pos_eq.
    2: { apply Rmult_le_pos. apply Rmult_le_pos. lra. now apply pow_le. left. apply Rinv_0_lt_compat. lra. }
    unfold Rdiv. replace (2 * Rabs s * (s * s) ^ S n * / (1 - s * s)) with (2 * (s * s) ^ S n * / (1 - s * s) * Rabs s) by ring.
    apply Rmult_le_compat_r. apply Rabs_pos. apply Rmult_le_compat.
    + apply Rmult_le_pos. lra. now apply pow_le.
    + left. apply Rinv_0_lt_compat. lra.
    + apply Rmult_le_compat_l. lra. apply pow_incr. lra.
    + apply Rinv_le_contravar; lra.
Qed.

(* With s = f/(2 + f). *)
Definition s0 (f : R) : R := f / (2 + f).
Lemma log_quotient f : -1 < f -> ln (1 + s0 f) - ln (1 - s0 f) = ln (1 + f).
Proof.
  intros H. assert (A : 1 + s0 f = (1 + f) * (2 / (2 + f))) by (unfold s0; field; lra).
  assert (B : 1 - s0 f = 2 / (2 + f)) by (unfold s0; field; lra).
  assert (P : 0 < 2 / (2 + f)) by (apply Rdiv_lt_0_compat; lra).
  rewrite A, B, ln_mult by lra. ring.
Qed.
Lemma curve_identity f : -1 < f -> forall P,
  2 * s0 f + s0 f * (s0 f * s0 f * P) = f - / 2 * (f * f) + s0 f * (/ 2 * (f * f) + s0 f * s0 f * P).
Proof. intros H P. unfold s0. field. lra. Qed.

Lemma s0_bound f a : 0 <= a -> a <= / 2 -> - (2 * a) / (1 + a) <= f <= 2 * a / (1 - a) -> Rabs (s0 f) <= a.
Proof.
  intros Ha Ha2 [L U].
  assert (L' : - (2 * a) <= f * (1 + a)).
  { apply (Rmult_le_compat_r (1 + a)) in L; [|lra]. unfold Rdiv in L. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in L; lra. }
  assert (U' : f * (1 - a) <= 2 * a).
  { apply (Rmult_le_compat_r (1 - a)) in U; [|lra]. unfold Rdiv in U. rewrite Rmult_assoc, Rinv_l, Rmult_1_r in U; lra. }
  assert (P : 0 < 2 + f).
  { apply (Rmult_lt_reg_r (1 + a)). lra. rewrite Rmult_0_l, Rmult_plus_distr_r. lra. }
  unfold s0. apply Rabs_le. split.
  - apply (Rmult_le_reg_r (2 + f)). assumption. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - apply (Rmult_le_reg_r (2 + f)). assumption. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Section Format.
Variables emin prec : Z.
Context { prec_gt_0_ : Prec_gt_0 prec }.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation format := (generic_format radix2 fexp).
Hypothesis wide : (22 <= prec)%Z.
Hypothesis room : (emin <= - 3 * prec)%Z.
Let wide' : (3 <= prec)%Z. Proof. lia. Qed.
Let room' : (emin <= - prec - 1)%Z. Proof. lia. Qed.
Notation u := (bpow radix2 (- prec)).
Notation eta := (bpow radix2 (emin - 1)).
Notation ulp := (ulp radix2 fexp).

Lemma u_small : 0 < u <= / 4194304.
Proof. split. apply bpow_gt_0. apply (bpow_le radix2 (- prec) (-22)). lia. Qed.

Lemma relative v : Rabs (rnd v - v) <= u * Rabs v + eta.
Proof.
  destruct (error_N_FLT radix2 emin prec ltac:(lia) (fun z => negb (Z.even z)) v) as [e [n [He [Hn [_ E]]]]].
  rewrite E. replace (v * (1 + e) + n - v) with (e * v + n) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult.
  rewrite bpow_plus in He. change (bpow radix2 1) with 2 in He.
  assert (Rabs e * Rabs v <= u * Rabs v) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]).
  unfold Z.sub at 1. rewrite bpow_plus. change (bpow radix2 (- (1))) with (/ 2). lra.
Qed.

(* The last addition. *)
Theorem final v L b : L <> 0 -> (emin + prec <= mag radix2 L)%Z -> 0 <= b <= / 2 ->
  Rabs (v - L) <= b * ulp L -> Rabs (rnd v - L) <= (/ 2 + b) * ulp L.
Proof.
  intros L0 HL Hb H. set (e := mag radix2 L : Z) in *.
  assert (Ul : ulp L = bpow radix2 (e - prec)).
  { rewrite ulp_neq_0 by assumption. unfold cexp, FLT_exp. fold e. now rewrite Z.max_l by lia. }
  assert (M := bpow_mag_gt radix2 L). fold e in M.
  assert (B := bpow_gt_0 radix2 (e - prec)). rewrite Ul in *.
  assert (Half : bpow radix2 (e - prec - 1) = / 2 * bpow radix2 (e - prec)).
  { unfold Z.sub at 1. rewrite bpow_plus. change (bpow radix2 (- (1))) with (/ 2). ring. }
  assert (B2 : b * bpow radix2 (e - prec) <= / 2 * bpow radix2 (e - prec)) by (apply Rmult_le_compat_r; lra).
  assert (V : Rabs v <= bpow radix2 e + bpow radix2 (e - prec - 1)).
  { replace v with (L + (v - L)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (N : Rabs (rnd v - v) <= bpow radix2 (e - prec - 1)).
  { destruct (Rle_dec 0 v) as [P|P].
    - apply half_ulp_above; try assumption; try lia. rewrite Rabs_pos_eq in V by assumption. lra.
    - rewrite <- Rabs_Ropp. replace (- (rnd v - v)) with (rnd (- v) - - v) by (rewrite round_NE_opp; ring).
      apply half_ulp_above; try assumption; try lia. rewrite Rabs_left in V by lra. lra. }
  replace (rnd v - L) with ((rnd v - v) + (v - L)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

Definition quotient (f : R) : R := rnd (f / rnd (2 + f)).
Lemma eta_small f : - / 3 <= f <= / 2 -> u <= Rabs f -> eta <= / 1024 * u * Rabs (s0 f) /\ Rabs f <= 5 / 2 * Rabs (s0 f) /\ 2 / 5 * u <= Rabs (s0 f).
Proof.
  intros Hf H0. assert (U := u_small).
  assert (T : eta <= / 2 * (u * u * u)).
  { rewrite <- !bpow_plus. change (/ 2) with (bpow radix2 (-1)). rewrite <- bpow_plus. apply bpow_le. lia. }
  assert (S0 : Rabs f = Rabs (s0 f) * (2 + f)).
  { rewrite <- (Rabs_pos_eq (2 + f)) at 1 by lra. rewrite <- Rabs_mult. f_equal. unfold s0. field. lra. }
  assert (S1 : Rabs f <= 5 / 2 * Rabs (s0 f)).
  { rewrite S0, (Rmult_comm (5 / 2)). apply Rmult_le_compat_l. apply Rabs_pos. lra. }
  split; [|split; lra].
  apply Rle_trans with (/ 1024 * u * (2 / 5 * u)). 2: apply Rmult_le_compat_l; lra.
  assert (0 <= u * u) by (apply Rmult_le_pos; lra).
  assert (u * (u * u) <= / 4194304 * (u * u)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos|]; lra).
  lra.
Qed.

Theorem quotient_error f : - / 3 <= f <= / 2 -> (f = 0 \/ u <= Rabs f) -> Rabs (quotient f - s0 f) <= 9 / 4 * u * Rabs (s0 f).
Proof.
  intros Hf H0. assert (U := u_small). set (d := rnd (2 + f)).
  assert (Ed : Rabs (d - (2 + f)) <= 2 * u).
  { apply Rle_trans with (bpow radix2 (2 - prec - 1)). apply half_ulp; try assumption; try lia.
    change (bpow radix2 2) with 4. rewrite Rabs_pos_eq; lra.
    right. replace (2 - prec - 1)%Z with (1 + - prec)%Z by ring. rewrite bpow_plus. reflexivity. }
  apply Rabs_le_inv in Ed. set (q := f / d). assert (S := Rabs_pos (s0 f)).
  assert (Uu : u * u <= / 4194304 * u) by (apply Rmult_le_compat_r; lra).
  assert (Eq : Rabs (q - s0 f) <= 122 / 100 * u * Rabs (s0 f)).
  { replace (q - s0 f) with (s0 f * ((2 + f - d) / d)) by (unfold q, s0; field; lra).
    rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r. assumption. unfold Rdiv. rewrite Rabs_mult.
    rewrite (Rabs_pos_eq (/ d)) by (left; apply Rinv_0_lt_compat; lra).
    apply (Rmult_le_reg_r d). lra. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_trans with (122 / 100 * u * (5 / 3 - 2 * u)). apply Rabs_le; lra.
    apply Rmult_le_compat_l; lra. }
  assert (R := relative q). change (rnd q) with (quotient f) in R.
  assert (Q : Rabs q <= (1 + 122 / 100 * u) * Rabs (s0 f)).
  { replace q with (s0 f + (q - s0 f)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  destruct H0 as [H0|H0].
  { rewrite H0 in *. unfold quotient, s0, Rdiv. rewrite !Rmult_0_l, round_0 by auto with typeclass_instances.
    rewrite Rminus_0_r, Rabs_R0. lra. }
  destruct (eta_small f Hf H0) as [T _].
  replace (quotient f - s0 f) with ((quotient f - q) + (q - s0 f)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (u * Rabs q <= u * ((1 + 122 / 100 * u) * Rabs (s0 f))) by (apply Rmult_le_compat_l; lra).
  assert (u * Rabs (s0 f) * u <= u * Rabs (s0 f) * / 4194304) by (apply Rmult_le_compat_l; [apply Rmult_le_pos|]; lra).
  assert (0 <= u * Rabs (s0 f)) by (apply Rmult_le_pos; lra). lra.
Qed.
End Format.
