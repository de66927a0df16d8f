(* N4, put together: in binary64 and binary32 the log density, the score, the noise prediction, the denoiser and the responsibilities of an isotropic
   mixture as they are computed (Point.v, run on Flocq's numbers) differ from the exact ones by at most the bound that src/law/bound computes in binary64.

   in_centres   what the code's numbers must satisfy: PointFormats.v's domain; exact and computed logits within the radii of the centres, up to 1/4;
                hi and wd at least the largest share and its width; roundings moderate, underflow of the total small (Reported.v);
   in_code      that they are numbers of binary64 in their ranges (Covered.v);
   in_density   those of the log density: what moving the logits does to a thousandth, the logarithm of the sum to a hundredth, the reference within
                2 U of itself of the exact one;
   in_noise     those of s.
     reported_binary64, reported_binary32, reported_density_binary64, _binary32, reported_noise_binary64, _binary32 *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN Relative.
From Tweedie Require Import Sums Near Softmax Logits Weights Mixture Arithmetic Coefficients Kernels Refinement Formats Functions Point PointBits PointFormats NoisePrediction.
From Tweedie Require Reported Covered ReportedDensity ReportedNoise.
From Tweedie Require ExpDoubleBits ExpSingleBits.
Open Scope R_scope.

(* The rounding of binary64, in the words of Evaluated.v. *)
Definition form64 := generic_format radix2 (FLT_exp (-1074) 53).
Definition rnd64 := round radix2 (FLT_exp (-1074) 53) ZnearestE.
Lemma rnd64_pos z : 0 <= z -> 0 <= rnd64 z.
Proof. intros H. apply round_ge_generic; auto with typeclass_instances. apply generic_format_0. Qed.
Lemma rnd64_above x y : 0 <= x -> form64 y -> y <= rnd64 (x + y).
Proof. intros H F. apply round_ge_generic; auto with typeclass_instances. lra. Qed.
Lemma rnd64_product z : 0 <= z -> (1 - unit_roundoff binary64) * z - half_tiny binary64 <= rnd64 z.
Proof.
  intros H. destruct (rounding binary64 z) as [w [Hw E]]. assert (P := rnd64_pos z H). assert (U := unit_range binary64). fold rnd64 in E.
  change (round radix2 _ ZnearestE z) with (rnd64 z) in E. set (u := unit_roundoff binary64) in *. set (e := half_tiny binary64) in *. apply Rabs_le_inv in Hw.
  destruct (Rle_lt_dec 0 (z + w)) as [N|N].
  - rewrite (Rabs_pos_eq (z + w)) in E by assumption. apply Rabs_le_inv in E. assert ((1 - u) * - e <= (1 - u) * w) by (apply Rmult_le_compat_l; lra).
    assert (0 <= u * e) by (apply Rmult_le_pos; lra). lra.
  - assert ((1 - u) * z <= 1 * z) by (apply Rmult_le_compat_r; lra). lra.
Qed.

(* e^(-1188) is next to nothing in both formats. *)
Lemma exp_small n : Rtrigo_def.exp (- INR n) <= bpow radix2 (- Z.of_nat n).
Proof.
  induction n as [|n IH]. simpl. rewrite Ropp_0, exp_0. lra.
  rewrite S_INR, Ropp_plus_distr, exp_plus. replace (- Z.of_nat (S n))%Z with (- Z.of_nat n + -1)%Z by lia. rewrite bpow_plus.
  apply Rmult_le_compat; try (left; apply exp_pos). exact IH. simpl. rewrite exp_Ropp. apply Rinv_le. lra. assert (I := exp_ineq1_le 1). lra.
Qed.
Lemma tail_below : Reported.tail <= bpow radix2 (-1188).
Proof. unfold Reported.tail. replace (-1188) with (- INR 1188). apply exp_small. rewrite INR_IZR_INZ. simpl. reflexivity. Qed.

Section Whole.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation fexp := (FLT_exp (3 - emax - prec) prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation form := (generic_format radix2 fexp).
Notation A := (ieee f).
Notation float := (binary_float prec emax).
Notation u := (unit_roundoff f).
Notation eta := (half_tiny f).
Notation nu := (Near.nu u).
Variable C : table (number A).
Variable E : R -> R.
Variables e tau : R.

Section Numbers.
Variable size : nat -> nat.
Variables N b d : nat.
Variables xf originf : nat -> float.
Variables af referencef : float.
Variables meanf shiftedf : nat -> nat -> nat -> float.
Variables offsetf precisionf gainf : nat -> nat -> float.
Notation lr := (Mixture.l rnd d (real1 f xf) (B2R af) (real3 f meanf) (real2 f precisionf) (real2 f offsetf)).
Notation mr := (Mixture.m rnd size d (real1 f xf) (B2R af) (real3 f meanf) (real2 f precisionf) (real2 f offsetf)).
Notation zr := (Mixture.zh rnd (real1 f xf) (B2R af) (real3 f meanf)).
Notation inside i j := ((i <= b)%nat /\ (j < size i)%nat).
Variable x : nat -> R.
Variable a : R.
Variable mu : nat -> nat -> nat -> R.
Variables P O G : nat -> nat -> R.
Notation Lr := (Mixture.L d x a mu P O).
Notation zx := (Mixture.z x a mu).
(* The code's numbers. *)
Variables U count peak factor c lost : R.
Variables centre radius hi wd t r reach : nat -> nat -> R.

Definition in_centres : Prop :=
  u <= U /\ (INR N <= count /\ INR N <= 64)
  /\ (forall i j, Rabs (lr i j - centre i j) <= radius i j) /\ (forall i j, Rabs (Lr i j - centre i j) <= radius i j) /\ (forall i j, radius i j <= / 4)
  /\ (forall i j, inside i j -> centre i j <= peak)
  /\ (forall i j, inside i j -> Weights.highest size b centre radius i j <= hi i j) /\ (forall i j, inside i j -> Weights.width size b centre radius i j <= wd i j)
  /\ Softmax.Phi u eta e tau size lr mr N b <= 1 / 1001
  /\ 1190 * u + Softmax.cost u e tau N (e + nu) b + (Softmax.phi u eta e tau size lr mr N b + nu) <= 1 / 1001
  /\ Sums.dsum size b (fun _ _ => Reported.tail) + Softmax.total_rest u eta e tau size N b <= u / 4.
Definition in_code : Prop :=
  (101 / 100 <= factor <= 102 / 100 /\ form64 factor)
  /\ (0 <= U <= 1 /\ form64 U /\ form64 (2 * U) /\ 1000000 * half_tiny binary64 <= U) /\ (1 <= count /\ form64 count)
  /\ (form64 1 /\ form64 2 /\ form64 6 /\ form64 1200 /\ form64 (Reported.blocks b)) /\ (form64 peak /\ form64 c)
  /\ (forall i j, form64 (centre i j) /\ (0 <= radius i j /\ form64 (radius i j)) /\ (0 <= hi i j <= 1 /\ form64 (hi i j))
    /\ (0 <= wd i j /\ form64 (wd i j)) /\ (form64 (t i j) /\ form64 (Rabs (t i j))) /\ (0 <= r i j /\ form64 (r i j)) /\ (0 <= reach i j /\ form64 (reach i j)))
  /\ (INR (Covered.elements size b + 100) * unit_roundoff binary64 <= / 10000 /\ INR (Covered.elements size b + 100) * half_tiny binary64 <= U / 100000)
  /\ (half_tiny binary64 <= eta /\ lost = 8 * Reported.blocks b * (2 * eta) /\ form64 lost) /\ form64 (Rabs c).
(* What bound/mod.rs and bound/weights.rs compute. *)
Definition mean_bound_computed : R := Covered.mean_computed rnd64 size b U count peak factor c centre radius hi wd t r reach lost.
Definition denoised_bound_computed (origin : R) : R :=
  Covered.denoised_computed rnd64 size b U count peak factor c centre radius hi wd t r reach lost origin.
Notation summand := (Mixture.summand rnd (real1 f xf) (B2R af) (real3 f meanf) (real2 f gainf) (real3 f shiftedf)).
Notation mean_reported := (Reported.mean_reported eta size b U count peak centre radius hi wd t r reach c).
Definition share_bound_computed (i j : nat) : R := Covered.share_computed rnd64 size b U count peak factor centre radius hi wd i j.

(* The log density. *)
Variables Ln : R -> R.
Variables lambda ln_rest : R.
Variables reference moved_computed rest lt : R.
Notation big := (bpow radix2 (emax - 1)).
Definition in_density : Prop :=
  (exists i j, inside i j /\ centre i j = peak) /\ 2 * Softmax.mass size lr mr b <= big
  /\ Rabs (B2R referencef - reference) <= 2 * U * Rabs (B2R referencef) /\ Rabs (lt - ReportedDensity.log_sum size b centre peak) <= / 100
  /\ 999 / 1000 * ReportedDensity.moved size b centre radius peak <= moved_computed
  /\ ((0 <= moved_computed /\ form64 moved_computed) /\ (0 <= rest /\ form64 rest) /\ (0 <= lt /\ form64 lt) /\ form64 (B2R referencef)
    /\ (form64 (Rabs peak) /\ form64 (Rabs (B2R referencef))) /\ (form64 3 /\ form64 4)).
Definition density_bound_computed : R :=
  ReportedDensity.density_computed rnd64 size b U count peak factor centre radius hi moved_computed rest lt (B2R referencef).
Definition density_statement : Prop :=
  domain f e tau size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf -> in_centres -> in_code -> in_density ->
  is_finite (point_log_density f C size b d xf af referencef meanf offsetf precisionf) = true
  /\ Rabs (B2R (point_log_density f C size b d xf af referencef meanf offsetf precisionf) - log_density_exact size b d x a mu P O reference)
     <= density_bound_computed.

(* The noise prediction. *)
Variable sf : float.
Variable s : R.
Definition in_noise (k : nat) : Prop :=
  is_finite sf = true /\ (0 < s /\ Rabs (s - B2R sf) <= s / 10000 /\ 1000000 * half_tiny binary64 <= U * s) /\ (unit_roundoff binary64 <= U)
  /\ (form64 s /\ form64 (B2R sf) /\ form64 (2 * eta)) /\ (4 * half_tiny binary64 <= eta \/ B2R sf = s)
  /\ Rabs (B2R sf) * (Rabs (score_exact size b d x a mu P O k) + mean_reported) <= big /\ Rabs (score_exact size b d x a mu P O k + c) <= 2 * mean_reported.
Definition noise_bound_computed : R := ReportedNoise.noise_computed rnd64 eta U s (B2R sf) c mean_bound_computed.
Definition noise_prediction_statement : Prop :=
  domain f e tau size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf -> in_centres -> in_code ->
  forall k, (k < d)%nat ->
    (forall i j, Rabs (B2R (precisionf i j) * zr i j k - t i j) + Rabs (t i j - P i j * zx i j k) <= r i j) -> (forall i j, Rabs (zr i j k) <= reach i j) ->
    in_noise k ->
    let noise := Point.noise A C size b d af sf xf meanf offsetf precisionf k in
    is_finite noise = true /\ Rabs (B2R noise - - s * score_exact size b d x a mu P O k) <= noise_bound_computed.

Definition reported_statement : Prop :=
  domain f e tau size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf -> in_centres -> in_code ->
  (forall k, (k < d)%nat ->
    (forall i j, Rabs (B2R (precisionf i j) * zr i j k - t i j) + Rabs (t i j - P i j * zx i j k) <= r i j) -> (forall i j, Rabs (zr i j k) <= reach i j) ->
    is_finite (point_score f C size b d xf af meanf offsetf precisionf k) = true
    /\ Rabs (B2R (point_score f C size b d xf af meanf offsetf precisionf k) - score_exact size b d x a mu P O k) <= mean_bound_computed)
  /\ (forall k, (k < d)%nat -> let origin := B2R (originf k) in form64 origin -> form64 3 ->
    (forall i j, Rabs (summand k i j - t i j) + Rabs (t i j - (mu i j k - origin + G i j * zx i j k)) <= r i j) ->
    Rabs (denoiser_exact size b d x a mu P O G k - (origin + c)) <= mean_reported + 3 * Rabs c ->
    is_finite (point_denoiser f C size b d xf originf af meanf shiftedf offsetf precisionf gainf k) = true
    /\ Rabs (B2R (point_denoiser f C size b d xf originf af meanf shiftedf offsetf precisionf gainf k) - denoiser_exact size b d x a mu P O G k)
       <= denoised_bound_computed origin)
  /\ (forall i j v, inside i j -> Weights.width size b centre radius i j <= v -> v + 7 * eta <= wd i j ->
    is_finite (point_responsibility f C size b d xf af meanf offsetf precisionf i j) = true
    /\ Rabs (B2R (point_responsibility f C size b d xf af meanf offsetf precisionf i j) - Weights.softmax size b Lr i j) <= share_bound_computed i j).

Hypothesis deep : (3 - emax - prec <= -1)%Z.
Hypothesis eta_small : eta <= / 2.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis exp_off : forall x, form x -> x <= 0 -> off e tau (E x) (Rtrigo_def.exp x).
Hypothesis exp_is : forall c, is_finite c = true -> B2R c <= 0 -> rep f (Kernels.exp A C c) (E (B2R c)).
Hypothesis weights_small : Rtrigo_def.exp (e + tau) <= 2.
Hypothesis nu_small : nu <= / 4.
Hypothesis u_small : u <= / 1048576.
Hypothesis costs : e + 2 * nu <= 34 / 10 * u /\ nu <= 1001 / 1000 * u /\ tau <= 17 / 10 * eta /\ tau <= u / 1000.
Hypothesis tail_small : Reported.tail <= eta / 100.

(* The score, against the bound in real numbers too. *)
Lemma score_holds : domain f e tau size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf -> in_centres -> in_code ->
  forall k, (k < d)%nat ->
    (forall i j, Rabs (B2R (precisionf i j) * zr i j k - t i j) + Rabs (t i j - P i j * zx i j k) <= r i j) -> (forall i j, Rabs (zr i j k) <= reach i j) ->
    is_finite (point_score f C size b d xf af meanf offsetf precisionf k) = true
    /\ Rabs (B2R (point_score f C size b d xf af meanf offsetf precisionf k) - score_exact size b d x a mu P O k) <= mean_reported
    /\ 1001 / 1000 * mean_reported + 2 * U * Rabs c <= mean_bound_computed.
Proof.
  intros [Hs [Hf [[zeta [PP [GG [QQ [OO [H1 [H2 [H3 [H4 [H5 [H6 [H7 [H8 [H9 H10]]]]]]]]]]]]]] [Hd [Hn Hphi]]]]]
    [C1 [C2 [C3 [C4 [C5 [C6 [C7 [C8 [C9 [C10 C11]]]]]]]]]] [D1 [D2 [D3 [D4 [D5 [D6 [D7 [D8 D9]]]]]]]].
  assert (Lf : forall i j, form (lr i j)) by (intros; apply (format_rnd f)).
  assert (Mt : forall i, (exists j, (j < size i)%nat /\ mr i = lr i j) /\ forall j, (j < size i)%nat -> lr i j <= mr i) by (intros i; apply top_is; apply Hs).
  assert (Sum1 : 9 / 10 <= Sums.dsum size b hi).
  { generalize (Reported.hi_sum size N b Hs lr mr Mt centre radius hi C3 C7). lra. }
  assert (W64 : 0 <= unit_roundoff binary64 <= / 1000000) by (unfold unit_roundoff; simpl; lra).
  intros k Hk Hy Hz.
  destruct (score_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
    meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 Hd Hn H9 H10 Hphi k) as [F V].
  split. exact F. unfold point_score. rewrite V.
  assert (S := Reported.reported_score rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
    E exp_off u_small costs size N b Hs lr Lr mr Lf Mt U count peak centre radius hi wd C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 tail_small
    (real2 f precisionf) (fun i j => zr i j k) (fun i j => P i j * zx i j k) t r reach c Hy Hz).
  split. exact S.
  exact (Covered.mean_covered rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
    (rounding_sum binary64) (format_opp binary64) (format_rnd binary64) size b (format_0 binary64) U count peak factor c centre radius hi wd t r reach
    D1 D2 D3 D4 D5 D6 (fun i j h h' => C6 i j (conj h h')) Sum1 D7 eta lost D8 (proj1 (Hs 0%nat)) D9).
Qed.

Lemma reported_holds : reported_statement.
Proof.
  intros Dom Cen Cod. generalize Dom Cen Cod. intros [Hs [Hf [[zeta [PP [GG [QQ [OO [H1 [H2 [H3 [H4 [H5 [H6 [H7 [H8 [H9 H10]]]]]]]]]]]]]] [Hd [Hn Hphi]]]]]
    [C1 [C2 [C3 [C4 [C5 [C6 [C7 [C8 [C9 [C10 C11]]]]]]]]]] [D1 [D2 [D3 [D4 [D5 [D6 [D7 [D8 D9]]]]]]]].
  assert (Lf : forall i j, form (lr i j)) by (intros; apply (format_rnd f)).
  assert (Mt : forall i, (exists j, (j < size i)%nat /\ mr i = lr i j) /\ forall j, (j < size i)%nat -> lr i j <= mr i) by (intros i; apply top_is; apply Hs).
  assert (Sum1 : 9 / 10 <= Sums.dsum size b hi).
  { generalize (Reported.hi_sum size N b Hs lr mr Mt centre radius hi C3 C7). lra. }
  assert (W64 : 0 <= unit_roundoff binary64 <= / 1000000) by (unfold unit_roundoff; simpl; lra).
  split; [|split].
  - intros k Hk Hy Hz. destruct (score_holds Dom Cen Cod k Hk Hy Hz) as [F [S M]]. split. exact F. apply Rle_trans with (1 := S).
    assert (0 <= 2 * U * Rabs c) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
    assert (0 <= mean_reported) by (apply Rle_trans with (2 := S); apply Rabs_pos). lra.
  - intros k Hk origin Fo F3 Hy Near.
    destruct (denoiser_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 H5 H6 H7 Hd Hn H9 H10 Hphi k) as [F V].
    split. exact F. unfold point_denoiser. rewrite V.
    assert (R0 : forall i j, 0 <= reach i j) by (intros i j; destruct (D6 i j) as [_ [_ [_ [_ [_ [_ [Q _]]]]]]]; exact Q).
    assert (S := Reported.reported_denoised rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      E exp_off u_small costs size N b Hs lr Lr mr Lf Mt U count peak centre radius hi wd C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 tail_small
      (summand k) (fun i j => mu i j k - origin + G i j * zx i j k) t r reach c Hy R0).
    assert (S1 := softmax_sum size b Lr 0 0 ltac:(split; [lia|apply Hs])).
    assert (Eq : Sums.dsum size b (fun i j => softmax size b Lr i j * (mu i j k - origin + G i j * zx i j k)) = denoiser_exact size b d x a mu P O G k - origin).
    { replace (denoiser_exact size b d x a mu P O G k - origin) with (denoiser_exact size b d x a mu P O G k - Sums.dsum size b (softmax size b Lr) * origin)
        by (rewrite S1; ring).
      unfold denoiser_exact. rewrite <- dsum_scal_r, <- dsum_minus. apply dsum_ext. intros. ring. }
    cbv beta in S. rewrite Eq in S. unfold Mixture.denoiser, Softmax.denoised.
    set (X := rnd (Softmax.combined rnd E size mr (fun i j => Softmax.weight rnd E lr mr i j * summand k i j) b / Softmax.total rnd E size lr mr b)) in *.
    set (ex := denoiser_exact size b d x a mu P O G k) in *.
    assert (Ad := rounding_sum f origin X (generic_format_B2R _ _ _) (format_rnd f _)).
    assert (T : Rabs (origin + X) <= Rabs (origin + c) + 3 * Rabs c + 2 * mean_reported).
    { replace (origin + X) with ((origin + c) + ((ex - (origin + c)) + (X - (ex - origin)))) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      generalize (Rabs_triang (ex - (origin + c)) (X - (ex - origin))). lra. }
    assert (B0 : 0 <= mean_reported) by (apply Rle_trans with (2 := S); apply Rabs_pos).
    assert (M := Covered.denoised_covered rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
      (rounding_sum binary64) (format_opp binary64) (format_rnd binary64) size b (format_0 binary64) U count peak factor c centre radius hi wd t r reach
      D1 D2 D3 D4 D5 D6 (fun i j h h' => C6 i j (conj h h')) Sum1 D7 eta lost D8 (proj1 (Hs 0%nat)) D9 origin (conj Fo F3)).
    fold (denoised_bound_computed origin) in M. apply Rle_trans with (2 := M).
    assert (X1 : u * Rabs (origin + X) <= u * (Rabs (origin + c) + 3 * Rabs c + 2 * mean_reported)) by (apply Rmult_le_compat_l; [apply (unit_range f)|exact T]).
    assert (X2 : u * (3 * Rabs c + Rabs (origin + c)) <= U * (3 * Rabs c + Rabs (origin + c))).
    { apply Rmult_le_compat_r. generalize (Rabs_pos c) (Rabs_pos (origin + c)). lra. exact C1. }
    assert (X3 : u * mean_reported <= / 1048576 * mean_reported) by (apply Rmult_le_compat_r; assumption).
    change (Rabs (rnd (origin + X) - ex) <= 1001 / 1000 * mean_reported + U * (3 * Rabs c + Rabs (origin + c))).
    replace (rnd (origin + X) - ex) with ((rnd (origin + X) - (origin + X)) + (X - (ex - origin))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). lra.
  - intros i j v Hij Hw Hv. destruct (responsibility_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
      meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 Hd Hn H9 H10 Hphi i j (proj1 Hij) (proj2 Hij)) as [F V].
    split. exact F. unfold point_responsibility. rewrite V.
    set (only := fun i' j' => if andb (Nat.eqb i' i) (Nat.eqb j' j) then v else wd i' j').
    assert (C8' : forall i' j', inside i' j' -> Weights.width size b centre radius i' j' <= only i' j').
    { intros i' j' H'. unfold only. destruct (Nat.eqb_spec i' i) as [->|]; [destruct (Nat.eqb_spec j' j) as [->|]|]; simpl; auto. }
    assert (S := Reported.reported_share rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
      E exp_off u_small costs size N b Hs lr Lr mr Lf Mt U count peak centre radius hi only C1 C2 C3 C4 C5 C6 C7 C8' C9 C10 C11 tail_small i j Hij).
    apply Rle_trans with (1 := S). replace (only i j) with v by (unfold only; now rewrite !Nat.eqb_refl).
    assert (V0 : 0 <= v).
    { assert (B1 := share_between size b centre radius Lr i j C4 Hij). unfold Weights.width in Hw. lra. }
    exact (Covered.share_covered rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
      (rounding_sum binary64) (format_opp binary64) (format_rnd binary64) size b (format_0 binary64) U count peak factor c centre radius hi wd t r reach
      D1 D2 D3 D4 D5 D6 (fun i j h h' => C6 i j (conj h h')) Sum1 D7 eta lost D8 (proj1 (Hs 0%nat)) i j v (proj1 Hij) (proj2 Hij) V0 Hv).
Qed.
(* A rounded product loses half the smallest number, or a part of itself that is more. *)
Lemma product_loses z : Rabs (rnd z - z) <= eta \/ (eta <= u * Rabs z /\ Rabs (rnd z - z) <= u * Rabs z).
Proof.
  assert (Eu : u = / 2 * bpow radix2 (- prec + 1)) by (symmetry; apply half_step).
  destruct (Rle_lt_dec (bpow radix2 (3 - emax - prec + prec - 1)) (Rabs z)) as [L|L].
  - right. split.
    + apply Rle_trans with (u * bpow radix2 (3 - emax - prec + prec - 1)). 2: apply Rmult_le_compat_l; [apply (unit_range f)|exact L].
      rewrite Eu, Rmult_assoc, <- bpow_plus. unfold half_tiny. apply Rmult_le_compat_l. lra. apply bpow_le. lia.
    + rewrite Eu. now apply (relative_error_N_FLT radix2 (3 - emax - prec) prec Hp).
  - left. unfold half_tiny. rewrite <- (ulp_FLT_small radix2 (3 - emax - prec) prec z). apply error_le_half_ulp; auto with typeclass_instances.
    apply Rlt_le_trans with (1 := L). apply bpow_le. lia.
Qed.
Lemma noise_holds_reported : noise_prediction_statement.
Proof.
  intros Dom Cen Cod k Hk Hy Hz [Fs [S1 [S2 [S3 [S4 [Room Near]]]]]] noise. destruct (score_holds Dom Cen Cod k Hk Hy Hz) as [F [S M]].
  assert (B0 : 0 <= mean_reported) by (apply Rle_trans with (2 := S); apply Rabs_pos).
  destruct Cen as [C1 _]. destruct Cod as [_ [D2 [_ [_ [_ [_ [_ [D8 D9]]]]]]]]. assert (U0 := unit_range f).
  assert (W64 : 0 <= unit_roundoff binary64 <= / 1000000) by (unfold unit_roundoff; simpl; lra).
  assert (Bp : 0 <= 2 * U * Rabs c) by (apply Rmult_le_pos; [lra|apply Rabs_pos]).
  assert (Fm : form64 s /\ form64 (B2R sf) /\ form64 (2 * U) /\ form64 (Rabs c) /\ (0 <= mean_bound_computed /\ form64 mean_bound_computed) /\ form64 (2 * eta)).
  { destruct S3 as [Q1 [Q2 Q3]]. repeat split; try tauto. lra. apply (format_rnd binary64). }
  destruct S4 as [S4|S4].
  - destruct (noise_of_score f sf _ s _ _ Fs F S Room) as [Fn B]. split. exact Fn. apply Rle_trans with (1 := B).
    apply (ReportedNoise.noise_covered rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
      (rounding_sum binary64) (format_opp binary64) (format_rnd binary64)); auto. lra. apply half_tiny_pos. lra.
  - set (score := point_score f C size b d xf af meanf offsetf precisionf k) in *.
    assert (T : Rabs (B2R score) <= Rabs (score_exact size b d x a mu P O k) + mean_reported).
    { replace (B2R score) with (score_exact size b d x a mu P O k + (B2R score - score_exact size b d x a mu P O k)) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). lra. }
    destruct (rep_mul f (neg A sf) score (- B2R sf) (B2R score)) as [Fn V].
    + apply rep_neg. now split.
    + now split.
    + rewrite Rabs_mult, Rabs_Ropp. apply Rle_trans with (2 := Room). apply Rmult_le_compat_l. apply Rabs_pos. exact T.
    + split. exact Fn. change (B2R noise) with (B2R (mul A (neg A sf) score)). rewrite V.
      apply (ReportedNoise.noise_covered_same rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
        (rounding_sum binary64) (format_opp binary64) (format_rnd binary64) u eta U s (B2R sf) c mean_reported mean_bound_computed ltac:(lra) (half_tiny_pos f)
        ltac:(lra) S1 Fm (conj B0 M) rnd64_above _ (B2R score)); auto. apply D8.
      rewrite S4. generalize (product_loses (- s * B2R score)). rewrite <- (Rabs_Ropp (s * B2R score)), Ropp_mult_distr_l. auto.
Qed.
Hypothesis ln_close : forall x, form x -> 0 < x <= big -> form (Ln x) /\ Rabs (Ln x - Rpower.ln x) <= lambda * Rabs (Rpower.ln x) + ln_rest.
Hypothesis ln_is : forall c, is_finite c = true -> 0 < B2R c -> rep f (Kernels.ln A C c) (Ln (B2R c)).
Hypothesis ln_costs : 0 <= lambda <= 3 / 2 * u /\ ln_rest <= u / 1000.
Lemma density_holds : density_statement.
Proof.
  intros [Hs [Hf [[zeta [PP [GG [QQ [OO [H1 [H2 [H3 [H4 [H5 [H6 [H7 [H8 [H9 H10]]]]]]]]]]]]]] [Hd [Hn Hphi]]]]]
    [C1 [C2 [C3 [C4 [C5 [C6 [C7 [C8 [C9 [C10 C11]]]]]]]]]] [D1 [D2 [D3 [D4 [D5 [D6 [D7 [D8 D9]]]]]]]].
  assert (Lf : forall i j, form (lr i j)) by (intros; apply (format_rnd f)).
  assert (Mt : forall i, (exists j, (j < size i)%nat /\ mr i = lr i j) /\ forall j, (j < size i)%nat -> lr i j <= mr i) by (intros i; apply top_is; apply Hs).
  assert (Sum1 : 9 / 10 <= Sums.dsum size b hi).
  { generalize (Reported.hi_sum size N b Hs lr mr Mt centre radius hi C3 C7). lra. }
  assert (W64 : 0 <= unit_roundoff binary64 <= / 1000000) by (unfold unit_roundoff; simpl; lra).
  intros [Pk [Room [Rf [Lc [Mc Nm]]]]].
  destruct (log_density_finite f deep eta_small C E e tau e_pos tau_pos exp_off exp_is weights_small nu_small size N b d Hs xf originf af referencef
    meanf shiftedf offsetf precisionf gainf Hf zeta PP GG QQ OO H1 H2 H3 H4 H8 Hd Hn H9 H10 Hphi Ln lambda ln_rest ln_close ln_is ltac:(lra)) as [F V].
  split. exact F. unfold point_log_density. rewrite V.
  assert (Lt : 0 <= lt /\ Rabs (lt - ReportedDensity.log_sum size b centre peak) <= / 100) by (split; [apply Nm|exact Lc]).
  assert (Dc := ReportedDensity.centre_close rnd64 form64 (unit_roundoff binary64) W64 (rounding_sum binary64) (format_rnd binary64)
    peak c D5 moved_computed rest lt (B2R referencef) Nm).
  assert (S := ReportedDensity.reported_log_density rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f) (format_rnd f)
    (format_0 f) E exp_off u_small costs Ln lambda ln_rest big ln_close ln_costs size N b Hs lr Lr mr Lf Mt U count peak centre radius hi C1 C2 C3 C4 C5 C6 C7 C9 C10 C11
    Pk Room (B2R referencef) reference lt _ (generic_format_B2R _ _ _) Rf Lt Dc).
  apply Rle_trans with (1 := S).
  assert (M := ReportedDensity.density_covered rnd64 form64 (unit_roundoff binary64) (half_tiny binary64) W64 (half_tiny_pos binary64) rnd64_pos rnd64_product
    (rounding_sum binary64) (format_opp binary64) (format_rnd binary64) size b (format_0 binary64) U count peak factor c centre radius hi wd t r reach
    D1 D2 D3 D4 D5 D6 (fun i j h h' => C6 i j (conj h h')) Sum1 D7 moved_computed rest lt (B2R referencef) Nm Mc
    (ReportedDensity.moved_nonneg size b (conj (Nat.le_0_l b) (proj1 (Hs 0%nat))) centre radius peak (ReportedDensity.radius_range lr centre radius C3 C5))).
  assert (U0 := unit_range f). unfold density_bound_computed. lra.
Qed.
End Numbers.
End Whole.

Lemma exp_cost_small v : 0 <= v <= / 1048576 -> - Rpower.ln (1 - v) <= 100001 / 100000 * v.
Proof.
  intros H. assert (I := exp_ineq1_le (- Rpower.ln (1 - v))). rewrite exp_Ropp, exp_ln in I by lra.
  assert (/ (1 - v) <= 1 + 100001 / 100000 * v); [|lra].
  apply (Rmult_le_reg_r (1 - v)). lra. rewrite Rinv_l by lra. assert (v * v <= v * / 1048576) by (apply Rmult_le_compat_l; lra). lra.
Qed.
Lemma tail_64 : Reported.tail <= half_tiny binary64 / 100.
Proof.
  apply Rle_trans with (1 := tail_below). unfold half_tiny. change (3 - largest binary64 - precision binary64)%Z with (-1074)%Z.
  replace (-1188)%Z with (-1074 + -114)%Z by reflexivity. rewrite bpow_plus. assert (P := bpow_ge_0 radix2 (-1074)).
  assert (bpow radix2 (-114) <= bpow radix2 (-8)) by (apply bpow_le; lia). change (bpow radix2 (-8)) with (/ 256) in H.
  apply Rle_trans with (bpow radix2 (-1074) * / 256). apply Rmult_le_compat_l; lra. lra.
Qed.
Lemma tail_32 : Reported.tail <= half_tiny binary32 / 100.
Proof.
  apply Rle_trans with (1 := tail_below). unfold half_tiny. change (3 - largest binary32 - precision binary32)%Z with (-149)%Z.
  replace (-1188)%Z with (-149 + -1039)%Z by reflexivity. rewrite bpow_plus. assert (P := bpow_ge_0 radix2 (-149)).
  assert (bpow radix2 (-1039) <= bpow radix2 (-8)) by (apply bpow_le; lia). change (bpow radix2 (-8)) with (/ 256) in H.
  apply Rle_trans with (bpow radix2 (-149) * / 256). apply Rmult_le_compat_l; lra. lra.
Qed.

Lemma facts_64 : half_tiny binary64 <= / 2 /\ 0 <= exp_cost_64 /\ 0 <= tau_64 /\ Rtrigo_def.exp (exp_cost_64 + tau_64) <= 2
  /\ Near.nu (unit_roundoff binary64) <= / 4 /\ unit_roundoff binary64 <= / 1048576
  /\ (exp_cost_64 + 2 * Near.nu (unit_roundoff binary64) <= 34 / 10 * unit_roundoff binary64 /\ Near.nu (unit_roundoff binary64) <= 1001 / 1000 * unit_roundoff binary64
    /\ tau_64 <= 17 / 10 * half_tiny binary64 /\ tau_64 <= unit_roundoff binary64 / 1000)
  /\ (0 <= lambda_64 <= 3 / 2 * unit_roundoff binary64 /\ ln_rest_64 <= unit_roundoff binary64 / 1000).
Proof.
  assert (T := tiny_64). assert (Ec := cost_small (2 * (63 / 100) * bpow radix2 (-53)) (/ 8) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (Nu := cost_small (bpow radix2 (-53)) (/ 4) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (E1 := exp_cost_small (2 * (63 / 100) * bpow radix2 (-53)) ltac:(simpl; lra)). assert (E2 := exp_cost_small (bpow radix2 (-53)) ltac:(simpl; lra)).
  assert (Tu : bpow radix2 (-1074) <= bpow radix2 (-53) * / 1024).
  { change (/ 1024) with (bpow radix2 (-10)). rewrite <- bpow_plus. now apply bpow_le. }
  assert (B := bpow_gt_0 radix2 (-53)). assert (Us : bpow radix2 (-53) <= / 1048576) by (simpl; lra).
  unfold exp_cost_64, tau_64, lambda_64, ln_rest_64, Near.nu, unit_roundoff, half_tiny. change (bpow radix2 (- precision binary64)) with (bpow radix2 (-53)).
  change (bpow radix2 (3 - largest binary64 - precision binary64)) with (bpow radix2 (-1074)).
  repeat split; try lra. apply small_exp. lra.
Qed.
Lemma facts_32 : half_tiny binary32 <= / 2 /\ 0 <= exp_cost_32 /\ 0 <= tau_32 /\ Rtrigo_def.exp (exp_cost_32 + tau_32) <= 2
  /\ Near.nu (unit_roundoff binary32) <= / 4 /\ unit_roundoff binary32 <= / 1048576
  /\ (exp_cost_32 + 2 * Near.nu (unit_roundoff binary32) <= 34 / 10 * unit_roundoff binary32 /\ Near.nu (unit_roundoff binary32) <= 1001 / 1000 * unit_roundoff binary32
    /\ tau_32 <= 17 / 10 * half_tiny binary32 /\ tau_32 <= unit_roundoff binary32 / 1000)
  /\ (0 <= lambda_32 <= 3 / 2 * unit_roundoff binary32 /\ ln_rest_32 <= unit_roundoff binary32 / 1000).
Proof.
  assert (T := tiny_32). assert (Ec := cost_small (2 * (69 / 100) * bpow radix2 (-24)) (/ 8) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (Nu := cost_small (bpow radix2 (-24)) (/ 4) ltac:(simpl; lra) ltac:(simpl; lra)).
  assert (E1 := exp_cost_small (2 * (69 / 100) * bpow radix2 (-24)) ltac:(simpl; lra)). assert (E2 := exp_cost_small (bpow radix2 (-24)) ltac:(simpl; lra)).
  assert (Tu : bpow radix2 (-149) <= bpow radix2 (-24) * / 1024).
  { change (/ 1024) with (bpow radix2 (-10)). rewrite <- bpow_plus. now apply bpow_le. }
  assert (B := bpow_gt_0 radix2 (-24)). assert (Us : bpow radix2 (-24) <= / 1048576) by (simpl; lra).
  unfold exp_cost_32, tau_32, lambda_32, ln_rest_32, Near.nu, unit_roundoff, half_tiny. change (bpow radix2 (- precision binary32)) with (bpow radix2 (-24)).
  change (bpow radix2 (3 - largest binary32 - precision binary32)) with (bpow radix2 (-149)).
  repeat split; try lra. apply small_exp. lra.
Qed.

Theorem reported_binary64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G U count peak factor c lost
  centre radius hi wd t r reach :
  reported_statement binary64 ExpDoubleBits.constants exp_cost_64 tau_64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O G U count peak factor c lost centre radius hi wd t r reach.
Proof.
  destruct facts_64 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (reported_holds binary64 ExpDoubleBits.constants exp_64); auto using exp_64_off, exp_double_is, tail_64. vm_compute; discriminate.
Qed.
Theorem reported_density_binary64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O U count peak factor c lost
  centre radius hi wd t r reach reference moved_computed rest lt :
  density_statement binary64 ExpDoubleBits.constants exp_cost_64 tau_64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O U count peak factor c lost centre radius hi wd t r reach
    reference moved_computed rest lt.
Proof.
  destruct facts_64 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (density_holds binary64 ExpDoubleBits.constants exp_64 exp_cost_64 tau_64) with (Ln := ln_64) (lambda := lambda_64) (ln_rest := ln_rest_64);
    auto using exp_64_off, exp_double_is, tail_64, ln_64_close, ln_double_is. vm_compute; discriminate.
Qed.
Theorem reported_noise_binary64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O U count peak factor c lost
  centre radius hi wd t r reach sf s :
  noise_prediction_statement binary64 ExpDoubleBits.constants exp_cost_64 tau_64 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O U count peak factor c lost centre radius hi wd t r reach sf s.
Proof.
  destruct facts_64 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (noise_holds_reported binary64 ExpDoubleBits.constants exp_64); auto using exp_64_off, exp_double_is, tail_64. vm_compute; discriminate.
Qed.
Theorem reported_binary32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O G U count peak factor c lost
  centre radius hi wd t r reach :
  reported_statement binary32 ExpSingleBits.constants exp_cost_32 tau_32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O G U count peak factor c lost centre radius hi wd t r reach.
Proof.
  destruct facts_32 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (reported_holds binary32 ExpSingleBits.constants exp_32); auto using exp_32_off, exp_single_is, tail_32. vm_compute; discriminate.
Qed.
Theorem reported_density_binary32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O U count peak factor c lost
  centre radius hi wd t r reach reference moved_computed rest lt :
  density_statement binary32 ExpSingleBits.constants exp_cost_32 tau_32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O U count peak factor c lost centre radius hi wd t r reach
    reference moved_computed rest lt.
Proof.
  destruct facts_32 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (density_holds binary32 ExpSingleBits.constants exp_32 exp_cost_32 tau_32) with (Ln := ln_32) (lambda := lambda_32) (ln_rest := ln_rest_32);
    auto using exp_32_off, exp_single_is, tail_32, ln_32_close, ln_single_is. vm_compute; discriminate.
Qed.
Theorem reported_noise_binary32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf x a mu P O U count peak factor c lost
  centre radius hi wd t r reach sf s :
  noise_prediction_statement binary32 ExpSingleBits.constants exp_cost_32 tau_32 size N b d xf originf af referencef meanf shiftedf offsetf precisionf gainf
    x a mu P O U count peak factor c lost centre radius hi wd t r reach sf s.
Proof.
  destruct facts_32 as [Q1 [Q2 [Q3 [Q4 [Q5 [Q6 [Q7 Q8]]]]]]].
  apply (noise_holds_reported binary32 ExpSingleBits.constants exp_32); auto using exp_32_off, exp_single_is, tail_32. vm_compute; discriminate.
Qed.
